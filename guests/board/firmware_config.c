// The firmware configuration device: QEMU's docs/specs/fw_cfg.rst.
#include <stddef.h>

#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "port.h"
#include "tests.h"

enum { SELECTOR = 0x510, DATA = 0x511 };
enum {
    SIGNATURE = 0x00, INTERFACES = 0x01, RAM_SIZE = 0x03, CPU_COUNT = 0x05, DIRECTORY = 0x19, FIRST_FILE = 0x20,
    NO_ITEM = 0x3abc,
};
enum { INTERFACE_PORTS = 1 << 0, INTERFACE_DMA = 1 << 1 };
enum { NAME_SIZE = 56 };

static uint64_t number(uint16_t item, unsigned size)
{
    uint64_t value = 0;
    port_write16(SELECTOR, item);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)port_read8(DATA) << (8 * i);
    return value;
}

// Numbers of the directory have their most significant byte first.
static uint32_t big_endian(unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | port_read8(DATA);
    return value;
}

enum verdict test_signature(void)
{
    static const char expected[] = "QEMU";
    for (unsigned round = 0; round < 2; round++) {
        port_write16(SELECTOR, SIGNATURE);
        for (unsigned i = 0; i < sizeof expected - 1; i++) {
            uint8_t byte = port_read8(DATA);
            if (byte != expected[i])
                return claim_fails("byte %u is 0x%x in round %u", i, byte, round);
        }
    }
    if (port_read8(DATA) != 0)
        return claim_fails("there is something behind it");
    return CLAIM_HOLDS;
}

enum verdict test_interfaces(void)
{
    uint32_t interfaces = (uint32_t)number(INTERFACES, 4);
    if (!(interfaces & INTERFACE_PORTS))
        return claim_fails("0x%x does not name the ports", interfaces);
    // An address that no DMA will serve would leave a guest waiting.
    if (interfaces & INTERFACE_DMA)
        return claim_fails("0x%x promises DMA", interfaces);
    return CLAIM_HOLDS;
}

enum verdict test_cpu_count(void)
{
    uint64_t count = number(CPU_COUNT, 2), expected = argument_number("cpus", 1);
    return count == expected ? claim_holds("(%lu)", count) : claim_fails("%lu, not %lu", count, expected);
}

enum verdict test_ram_size(void)
{
    uint64_t size = number(RAM_SIZE, 8), expected = argument_number("memory", 256) << 20;
    if (size != expected)
        return claim_fails("0x%lx bytes, not 0x%lx", size, expected);
    if (boot.ram_kib > size >> 10)
        return claim_fails("the memory map has %lu KiB, more than %lu", boot.ram_kib, size >> 10);
    return claim_holds("(%lu MiB)", size >> 20);
}

enum verdict test_directory(void)
{
    uint32_t expected = (uint32_t)argument_number("files", 0);
    port_write16(SELECTOR, DIRECTORY);
    uint32_t count = big_endian(4);
    if (count != expected)
        return claim_fails("%u files, not %u", count, expected);
    char last[NAME_SIZE] = "";
    for (uint32_t i = 0; i < count; i++) {
        big_endian(4);
        uint32_t item = big_endian(2);
        big_endian(2);
        char name[NAME_SIZE];
        for (unsigned j = 0; j < NAME_SIZE; j++)
            name[j] = (char)port_read8(DATA);
        if (item < FIRST_FILE || name[NAME_SIZE - 1])
            return claim_fails("file %u: item 0x%x", i, item);
        if (memcmp(last, name, NAME_SIZE) >= 0)
            return claim_fails("%s does not come before %s", last, name);
        memcpy(last, name, NAME_SIZE);
    }
    return claim_holds("(%u files, the last is \"%s\")", count, last);
}

enum verdict test_absent_item(void)
{
    if (number(NO_ITEM, 8) != 0)
        return claim_fails("item 0x%x is not zero", NO_ITEM);
    return CLAIM_HOLDS;
}

enum verdict test_string_input(void)
{
    uint8_t bytes[6] = {0};
    void *end = bytes;
    uint64_t count = sizeof bytes;
    port_write16(SELECTOR, SIGNATURE);
    __asm__ volatile("rep insb" : "+D"(end), "+c"(count) : "d"(DATA) : "memory");
    if (memcmp(bytes, "QEMU\0\0", sizeof bytes) != 0)
        return claim_fails("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
    return CLAIM_HOLDS;
}
