#include "ending.h"

#include "bytes.h"
#include "port.h"

enum { EXIT_PORT = 0xf4, PANIC_PORT = 0x505, PANICKED = 1 };
enum { PM1A_CONTROL = 0x604, SLEEP_ENABLE = 0x2000 };                  // ACPI 6.5, 4.8.3.2.1: SLP_EN, SLP_TYP 0
enum { RESET_CONTROL = 0xcf9, SYSTEM_RESET = 0x02, RESET_CPU = 0x04 }; // Intel ICH9 datasheet, 13.7.5
enum { FULL_RESET = 0x08, SYSTEM_CONTROL = 0x92, FAST_RESET = 0x01, A20_OPEN = 0x02 };
enum {
    KEYBOARD_DATA = 0x60, KEYBOARD_COMMAND = 0x64, PULSE_RESET_LINE = 0xfe, WRITE_OUTPUT_PORT = 0xd1,
    OUTPUT_WITHOUT_RESET_LINE = 0xfe,
};
// ACPI 6.5: the root pointer is on 16 bytes somewhere in the BIOS area (5.2.5.1); the fixed table's flags, reset
// register and value (5.2.9).
enum {
    ACPI_SCAN_BEGIN = 0xe0000, ACPI_SCAN_END = 0x100000, ACPI_XSDT = 24, ACPI_LENGTH = 4, ACPI_HEADER = 36,
    ACPI_TABLE_LIMIT = 64,
};
enum {
    FADT_FLAGS = 112, FADT_RESET_SUPPORTED = 1 << 10, FADT_RESET_SPACE = 116, FADT_RESET_ADDRESS = 120,
    FADT_RESET_VALUE = 128, SPACE_PORT = 1,
};

void end_by_power_off(void)
{
    port_write16(PM1A_CONTROL, SLEEP_ENABLE);
}

void end_by_reset(void)
{
    port_write8(RESET_CONTROL, SYSTEM_RESET);
    port_write8(RESET_CONTROL, SYSTEM_RESET | RESET_CPU);
}

void end_by_keyboard_reset(void)
{
    port_write8(KEYBOARD_COMMAND, PULSE_RESET_LINE);
}

void end_by_full_reset(void)
{
    port_write8(RESET_CONTROL, FULL_RESET | SYSTEM_RESET);
    port_write8(RESET_CONTROL, FULL_RESET | SYSTEM_RESET | RESET_CPU);
}

void end_by_keyboard_output(void)
{
    port_write8(KEYBOARD_COMMAND, WRITE_OUTPUT_PORT);
    port_write8(KEYBOARD_DATA, OUTPUT_WITHOUT_RESET_LINE);
}

void end_by_system_control(void)
{
    port_write8(SYSTEM_CONTROL, A20_OPEN | FAST_RESET);
}

static uint64_t number_at(uint64_t address, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, (const void *)address, size);
    return value;
}

static uint64_t fixed_table(void)
{
    for (uint64_t root = ACPI_SCAN_BEGIN; root < ACPI_SCAN_END; root += 16) {
        if (memcmp((const void *)root, "RSD PTR ", 8) != 0)
            continue;
        uint64_t tables = number_at(root + ACPI_XSDT, 8), length = number_at(tables + ACPI_LENGTH, 4);
        for (unsigned i = 0; i < ACPI_TABLE_LIMIT && ACPI_HEADER + 8 * (i + 1) <= length; i++) {
            uint64_t table = number_at(tables + ACPI_HEADER + 8 * i, 8);
            if (memcmp((const void *)table, "FACP", 4) == 0)
                return table;
        }
    }
    return 0;
}

void end_by_acpi_reset(void)
{
    uint64_t table = fixed_table();
    if (!table || !(number_at(table + FADT_FLAGS, 4) & FADT_RESET_SUPPORTED) ||
        number_at(table + FADT_RESET_SPACE, 1) != SPACE_PORT)
        return;
    port_write8((uint16_t)number_at(table + FADT_RESET_ADDRESS, 8), (uint8_t)number_at(table + FADT_RESET_VALUE, 1));
}

void end_by_triple_fault(void)
{
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } empty = {0, 0};
    __asm__ volatile("lidt %0\n\tud2" : : "m"(empty) : "memory");
}

_Noreturn void hang(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

_Noreturn void spin(void)
{
    for (;;)
        __asm__ volatile("pause");
}

void end_by_panic(void)
{
    port_write8(PANIC_PORT, PANICKED);
}

_Noreturn void exit_with(uint8_t value)
{
    port_write8(EXIT_PORT, value);
    end_by_power_off();
    end_by_reset();
    end_by_keyboard_reset();
    end_by_triple_fault();
    hang();
}
