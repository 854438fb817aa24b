// A guest that keeps to no rule: ports, device memory, configuration space and BARs are read and written at random, by
// every width and alignment. A run of it must end with this guest's own verdict, whatever its devices and their host
// make of it.
#include "arguments.h"
#include "boot.h"
#include "console.h"
#include "ending.h"
#include "mmio.h"
#include "paging.h"
#include "pci.h"
#include "port.h"
#include "bytes.h"

const char guest_name_text[] = "hostile";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t generator;
/// The slot whose function is written to; 0: any.
static unsigned only_slot;

// xorshift64: the same seed gives the same accesses on every machine.
static uint64_t next_random(void)
{
    generator ^= generator << 13;
    generator ^= generator >> 7;
    generator ^= generator << 17;
    return generator;
}

static uint64_t next_value(void)
{
    static const uint64_t edges[] = {
        0, ~0ull, 0x80000000, 0x7fffffff, 0x8000000000000000ull, 1, 0xffff, 0x80, 0xfee00000, 0xe0000000, 0xfec00000,
        0xc0000000,
        0xffffffff, 0xfffffffc, 0x80007ffc, 0x8000f8ff, 0xfa,
    };
    uint64_t choice = next_random();
    return choice & 3 ? next_random() : edges[(choice >> 8) % COUNT(edges)];
}

static void touch_port(uint16_t port, unsigned kind, uint64_t value)
{
    switch (kind) {
    case 0: (void)port_read8(port); break;
    case 1: (void)port_read16(port); break;
    case 2: (void)port_read32(port); break;
    case 3: port_write8(port, (uint8_t)value); break;
    case 4: port_write16(port, (uint16_t)value); break;
    default: port_write32(port, (uint32_t)value); break;
    }
}

static void touch_memory(uint64_t address, unsigned kind, uint64_t value)
{
    switch (kind) {
    case 0: (void)mmio_read8(address); break;
    case 1: (void)mmio_read16(address); break;
    case 2: (void)mmio_read32(address); break;
    case 3: __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory"); break;
    case 4: mmio_write8(address, (uint8_t)value); break;
    case 5: mmio_write16(address, (uint16_t)value); break;
    case 6: mmio_write32(address, (uint32_t)value); break;
    default: __asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory"); break;
    }
}

// Writes to these may end the run, which is for the other guests to try.
static bool may_end_the_run(uint16_t port, unsigned width)
{
    static const uint16_t ending[] = {0xf4, 0x505, 0x604, 0x92, 0xcf9, 0x64, 0x60};
    for (unsigned i = 0; i < width; i++)
        for (unsigned j = 0; j < COUNT(ending); j++)
            if ((uint16_t)(port + i) == ending[j])
                return true;
    return false;
}

static void touch_some_port(void)
{
    static const uint16_t hot[] = {
        0x60, 0x61, 0x62, 0x63, 0x64, 0x70, 0x71, 0x80, 0x81, 0x92, 0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcfe,
        0xcff, 0xd00, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x3f7, 0x400, 0x402, 0x510, 0x511, 0x512,
        0x514, 0x580, 0x581, 0x583, 0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x606, 0x608, 0x609, 0x60b, 0x60c, 0xe0,
        0xe1, 0xe3, 0xe4, 0xe7, 0xe8, 0xeb, 0xf3, 0xf4, 0xf5, 0x504, 0x505, 0x506, 0x2000, 0x2001, 0x2017, 0x2018, 0x20,
        0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x4d0, 0x4d1,
        0xc000, 0xc001, 0xc0ff, 0xc100, 0xffff, 0xfffe, 0xfffd, 0xfffc, 0x1000, 0xfff, 0, 1,
    };
    uint64_t choice = next_random();
    uint16_t port = choice & 7 ? hot[(choice >> 8) % COUNT(hot)] : (uint16_t)(choice >> 16);
    unsigned kind = (unsigned)(next_random() % 6), width = 1u << kind % 3;
    if (kind >= 3 && may_end_the_run(port, width)) {
        // The keyboard controller's other commands are no end.
        if (port == 0x64 && width == 1) {
            uint8_t command = (uint8_t)next_random();
            if (command < 0xf0 && command != 0xd1)
                port_write8(port, command);
        } else if (port == 0x60 && width == 1) {
            port_write8(port, (uint8_t)next_random() | 1);
        }
        return;
    }
    touch_port(port, kind, next_value());
}

static uint64_t bars[16];
static unsigned bar_count;

static void find_bars(void)
{
    bar_count = 0;
    for (unsigned slot = 1; slot < 32; slot++) {
        struct pci_address address = {0, (uint8_t)slot, 0};
        if (pci_read16(address, PCI_VENDOR) == 0xffff)
            continue;
        for (unsigned i = 0; i < 6 && bar_count < COUNT(bars); i++) {
            uint32_t bar = pci_read32(address, PCI_BAR0 + 4 * i);
            if (!bar || bar & 1)
                continue;
            bars[bar_count++] = bar & ~15u;
            if ((bar & 6) == 4)
                i++;
        }
    }
}

static void touch_some_memory(void)
{
    static const uint64_t edges[] = {
        0xc0000000, 0xdffffff8, 0xe0000000, 0xe0000ff8, 0xe0001000, 0xe00f8000, 0xe00f8ff8, 0xe00ffff8, 0xe0100000,
        0xeffffff8, 0xf0000000, 0xfebffff8, 0xfec00000, 0xfee00000, 0xfeffc000, 0xff000000, 0xff00fff8, 0xff010000,
        0xfffffff0, 0xb0000000,
        0xbffffff8, 0x100000000ull, 0x17ffffff8ull, 0xfffff000, 0xfed00000, 0xd0000000,
    };
    uint64_t choice = next_random();
    uint64_t address = bar_count && (choice & 3) == 0
                           ? bars[(choice >> 4) % bar_count] + (choice >> 20 & 0x1fff)
                           : edges[(choice >> 8) % COUNT(edges)] + (choice >> 32 & (choice & 0x40 ? 15 : 0xfff));
    if (address >= 0xfec00000 && address < 0xfec01000 && choice & 0x80)
        address += 0x100000;
    // Behind what is mapped, or the local APIC, whose registers start processors.
    if (address + 8 >= 0x180000000ull || (address >= 0xfee00000 && address < 0xfee01000))
        return;
    uint64_t value = next_value();
    touch_memory(address, (unsigned)(next_random() % 8), value);
}

static void touch_some_register(void)
{
    uint64_t choice = next_random();
    unsigned slot;
    if (only_slot)
        slot = choice & 7 ? only_slot : choice >> 4 & 31;
    else
        slot = choice & 3 ? (choice & 4 ? 31 : 0) : choice >> 4 & 31;
    if (choice & 8) {
        uint32_t latch = 0x80000000 | slot << 11 | (uint32_t)(choice >> 12 & 0xff);
        if ((choice >> 24 & 31) == 0)
            latch = (uint32_t)next_random();
        port_write32(0xcf8, latch);
        touch_port((uint16_t)(0xcfc + (choice >> 32 & 3)), (unsigned)((choice >> 40) % 6), next_value());
        return;
    }
    uint64_t address = 0xe0000000 + ((uint64_t)slot << 15) + (choice >> 12 & (choice & 0x1000000000 ? 0xfff : 0x7f));
    if ((choice >> 50) % 32 == 0)
        address = 0xe0000000 + (next_random() & 0xfffffff);
    touch_memory(address, (unsigned)((choice >> 40) % 8), next_value());
}

// BARs over RAM, interrupt controllers, configuration space and each other, decoders on and off; then whatever lies
// there is touched.
static void move_some_bar(void)
{
    static const uint64_t places[] = {
        0, 0x1000, 0x100000, 0x8000000, 0xfec00000, 0xfee00000, 0xe0000000, 0xe00f8000, 0xfeffc000, 0xff000000,
        0xfffff000, 0xc0000000,
        0xc0001000, 0xdffff000, 0xf0000000, 0xfebff000, 0xfffff0, 0x100000000ull, 0x110000000ull, 0xfffffffff000ull,
    };
    uint64_t choice = next_random();
    struct pci_address address = {0, (uint8_t)(only_slot ? only_slot : choice & 1 ? 31 : choice >> 4 & 31), 0};
    unsigned bar = (unsigned)((choice >> 10) % 7), offset = bar == 6 ? 0x30 : PCI_BAR0 + 4 * bar;
    uint64_t place = places[(choice >> 16) % COUNT(places)];
    if ((choice >> 32 & 7) == 0)
        place = next_random();
    pci_write32(address, offset, (uint32_t)place | (choice >> 40 & 1));
    if (choice >> 41 & 1)
        pci_write32(address, offset + 4, (uint32_t)(place >> 32));
    if ((choice >> 42 & 7) == 0)
        pci_write16(address, PCI_COMMAND, (uint16_t)next_random() & 0x7ff);
    if ((choice >> 45 & 7) == 0)
        pci_write16(address, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    if ((choice >> 48 & 7) == 0)
        find_bars();
    for (unsigned i = 0; i < 8; i++)
        touch_some_memory();
}

// Power states, INTx-disable, MSI and MSI-X on and off, and masks, in an order of no meaning: what a host's kernel may
// refuse.
static void misuse_some_capability(void)
{
    uint64_t choice = next_random();
    struct pci_address address = {0, (uint8_t)(only_slot ? only_slot : 1 + choice % 8), 0};
    unsigned place = pci_read8(address, PCI_CAPABILITIES), wanted = choice >> 8 & 3;
    for (unsigned steps = 0; place >= 0x40 && place != 0xff && steps < wanted; steps++)
        place = pci_read8(address, place + 1);
    if (place < 0x40 || place == 0xff)
        place = PCI_COMMAND;
    unsigned offset = place + (choice >> 16 & 15);
    uint64_t value = choice >> 24 & 1 ? next_value() : 1u << (choice >> 28 & 15);
    if (choice >> 25 & 1)
        pci_write16(address, offset & ~1u, (uint16_t)value);
    else
        pci_write32(address, offset & ~3u, (uint32_t)value);
    touch_some_memory();
}

uint8_t guest_main(void)
{
    uint64_t seed = argument_number("seed", 1), count = argument_number("n", 20000);
    char mode[16];
    if (!argument_text("mode", mode, sizeof mode))
        memcpy(mode, "mixed", sizeof "mixed");
    only_slot = (unsigned)argument_number("slot", 0) & 31;
    generator = 0x123456789abcdefull ^ seed * 0x9e3779b97f4a7c15ull;
    for (unsigned i = 0; i < 16; i++)
        (void)next_random();
    static void (*const acts[])(void) = {
        touch_some_port, touch_some_memory, touch_some_register, move_some_bar, misuse_some_capability,
    };
    static const char *const names[] = {"ports", "mmio", "pci", "bars", "capabilities"};
    unsigned act = 0;
    while (act < COUNT(names) && !text_equal(mode, names[act]))
        act++;
    bool isMixed = text_equal(mode, "mixed"), isEverything = text_equal(mode, "all");
    if (act == COUNT(names) && !isMixed && !isEverything) {
        say("mode=%s is not known", mode);
        return EXIT_BAD_ARGUMENT;
    }
    paging_map_device(0x100000000ull, 1ull << 31);
    find_bars();
    for (uint64_t i = 0; i < count; i++)
        acts[isMixed ? next_random() & 3 : isEverything ? next_random() % COUNT(acts) : act]();
    // The serial port as it was: no loopback, no divisor in the place of data, no interrupts.
    port_write8(0x3fb, 3);
    port_write8(0x3fc, 3);
    port_write8(0x3f9, 0);
    say("mode=%s seed=%lu n=%lu PASS", mode, seed, count);
    return EXIT_PASS;
}
