#include "ending.h"

#include "port.h"

enum { EXIT_PORT = 0xf4, PANIC_PORT = 0x505, PANICKED = 1 };
enum { PM1A_CONTROL = 0x604, SLEEP_ENABLE = 0x2000 };                           // ACPI 6.5, 4.8.3.2.1: SLP_EN, SLP_TYP 0
enum { RESET_CONTROL = 0xcf9, SYSTEM_RESET = 0x02, RESET_CPU = 0x04 };          // Intel ICH9 datasheet, 13.7.5
enum { KEYBOARD_COMMAND = 0x64, PULSE_RESET_LINE = 0xfe };

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

void end_by_triple_fault(void)
{
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } empty = {0, 0};
    __asm__ volatile("lidt %0\n\tud2" : : "m"(empty) : "memory");
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
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
