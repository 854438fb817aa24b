#include "bar.h"
#include "console.h"
#include "edu.h"
#include "mmio.h"
#include "paging.h"
#include "tests.h"

enum { CLASS_BRIDGE = 0x06, BAR_COUNT = 6, BAR_LIMIT = 64, PAGE = 4096 };

// Where a 32-bit register may be moved to: below the I/O APIC.
#define HOLE_END 0xfe000000ull
#define HOLE_BEGIN 0xc0000000ull
#define ECAM_SIZE 0x10000000ull
#define ABOVE_4G 0x800000000ull

// No device has this one.
#define UNCLAIMED_ADDRESS 0xd0000000ull

static struct {
    struct pci_address function;
    struct bar bar;
} bars[BAR_LIMIT];
static unsigned bar_count;

// Bridges keep other things behind the first two registers.
static void find_bars(void)
{
    unsigned position = 0;
    struct pci_address address;
    bar_count = 0;
    while (pci_next(&position, &address)) {
        if (pci_read8(address, PCI_CLASS) == CLASS_BRIDGE)
            continue;
        for (unsigned index = 0; index < BAR_COUNT && bar_count < BAR_LIMIT; index++) {
            struct bar bar = bar_read(address, index);
            if (bar.kind == BAR_ABSENT)
                continue;
            bars[bar_count].function = address;
            bars[bar_count].bar = bar;
            bar_count++;
            if (bar.kind == BAR_MEMORY_64)
                index++;
        }
    }
}

#define PLACE(i) bars[i].function.bus, bars[i].function.slot, bars[i].function.function, bars[i].bar.index

enum verdict test_bar_sizes(void)
{
    static const char *const kinds[] = {"absent", "io", "memory32", "memory64"};
    find_bars();
    for (unsigned i = 0; i < bar_count; i++) {
        const struct bar *bar = &bars[i].bar;
        say("%02x:%02x.%u BAR %u %s at 0x%lx size 0x%lx", PLACE(i), kinds[bar->kind], bar->address, bar->size);
        if (bar->size & (bar->size - 1) || bar->size < (bar->kind == BAR_IO ? 4 : 16))
            return claim_fails("%02x:%02x.%u BAR %u has size 0x%lx", PLACE(i), bar->size);
        if (!bar->address || bar->address % bar->size)
            return claim_fails("%02x:%02x.%u BAR %u is at 0x%lx with size 0x%lx", PLACE(i), bar->address, bar->size);
        struct bar again = bar_read(bars[i].function, bar->index);
        if (again.address != bar->address || again.size != bar->size || again.kind != bar->kind)
            return claim_fails("%02x:%02x.%u BAR %u reads differently after it was sized", PLACE(i));
    }
    return bar_count ? claim_holds("(%u registers)", bar_count) : claim_skipped("no device has a BAR");
}

enum verdict test_bar_overlap(void)
{
    find_bars();
    for (unsigned i = 0; i < bar_count; i++)
        for (unsigned j = 0; j < i; j++) {
            const struct bar *a = &bars[i].bar, *b = &bars[j].bar;
            if ((a->kind == BAR_IO) == (b->kind == BAR_IO) && a->address < b->address + b->size &&
                b->address < a->address + a->size)
                return claim_fails("%02x:%02x.%u BAR %u overlaps %02x:%02x.%u BAR %u", PLACE(i), PLACE(j));
        }
    return CLAIM_HOLDS;
}

static bool is_free(uint64_t address, uint64_t size)
{
    uint64_t ecam = pci_ecam_base();
    if (ecam && address < ecam + ECAM_SIZE && ecam < address + size)
        return false;
    for (unsigned i = 0; i < bar_count; i++)
        if (bars[i].bar.kind != BAR_IO && address < bars[i].bar.address + bars[i].bar.size &&
            bars[i].bar.address < address + size)
            return false;
    return true;
}

static uint64_t free_address(uint64_t size)
{
    for (uint64_t address = HOLE_END - size; address >= HOLE_BEGIN; address -= size)
        if (address % size == 0 && is_free(address, size))
            return address;
    return 0;
}

// PCI Local Bus 3.0, 3.3.3.1: a read that nobody claims returns all ones. (QEMU's returns 0.)
enum verdict test_absent_memory(void)
{
    uint32_t dword = mmio_read32(UNCLAIMED_ADDRESS);
    uint16_t word = mmio_read16(UNCLAIMED_ADDRESS + 2);
    uint8_t byte = mmio_read8(UNCLAIMED_ADDRESS + 1);
    if (dword != 0xffffffff || word != 0xffff || byte != 0xff)
        return claim_fails("0x%lx reads 0x%x, 0x%x, 0x%x by dword, word, byte", (uint64_t)UNCLAIMED_ADDRESS, dword,
                           word, byte);
    mmio_write32(UNCLAIMED_ADDRESS, 0);
    return CLAIM_HOLDS;
}

// What such a read returns here; the claims about BARs compare with it.
static uint32_t nothing(void) { return mmio_read32(UNCLAIMED_ADDRESS); }

// Whether the register's first dword can tell a device from nothing. Its function decodes memory afterwards.
static bool is_telling(unsigned i, uint32_t *first)
{
    const struct bar *bar = &bars[i].bar;
    if (bar->kind == BAR_IO || bar->size < PAGE || !paging_map_device(bar->address, bar->size))
        return false;
    pci_command(bars[i].function, PCI_COMMAND_MEMORY, 0);
    *first = mmio_read32(bar->address);
    return *first != nothing() && *first != 0xffffffff && mmio_read32(bar->address) == *first;
}

static enum verdict moves(unsigned i, uint64_t target, uint32_t first)
{
    struct bar *bar = &bars[i].bar;
    uint64_t home = bar->address;
    if (!paging_map_device(target, bar->size))
        return claim_fails("0x%lx can't be mapped", target);
    bar_move(bars[i].function, bar, target);
    uint32_t there = mmio_read32(target), here = mmio_read32(home);
    bar_move(bars[i].function, bar, home);
    if (there != first)
        return claim_fails("%02x:%02x.%u BAR %u reads 0x%x instead of 0x%x when moved to 0x%lx", PLACE(i), there, first,
                           target);
    if (here != nothing())
        return claim_fails("%02x:%02x.%u BAR %u still answers 0x%x at 0x%lx when moved away", PLACE(i), here, home);
    if (mmio_read32(home) != first)
        return claim_fails("%02x:%02x.%u BAR %u reads 0x%x when moved back", PLACE(i), mmio_read32(home));
    if (mmio_read32(target) != nothing())
        return claim_fails("%02x:%02x.%u BAR %u still answers at 0x%lx when moved back", PLACE(i), target);
    return CLAIM_HOLDS;
}

enum verdict test_bar_move(void)
{
    unsigned count = 0;
    find_bars();
    for (unsigned i = 0; i < bar_count; i++) {
        uint32_t first;
        if (!is_telling(i, &first))
            continue;
        uint64_t target = free_address(bars[i].bar.size);
        if (!target)
            return claim_fails("no room for 0x%lx bytes below 4 GiB", bars[i].bar.size);
        if (moves(i, target, first) != CLAIM_HOLDS)
            return CLAIM_FAILS;
        count++;
    }
    return count ? claim_holds("(%u registers)", count)
                 : claim_skipped("no BAR of 4 KiB whose first dword tells anything");
}

enum verdict test_bar_move_high(void)
{
    unsigned count = 0;
    find_bars();
    for (unsigned i = 0; i < bar_count; i++) {
        uint32_t first;
        if (bars[i].bar.kind != BAR_MEMORY_64 || !is_telling(i, &first))
            continue;
        uint64_t target = (ABOVE_4G + bars[i].bar.size - 1) / bars[i].bar.size * bars[i].bar.size;
        if (moves(i, is_free(target, bars[i].bar.size) ? target : target + bars[i].bar.size, first) != CLAIM_HOLDS)
            return CLAIM_FAILS;
        count++;
    }
    return count ? claim_holds("(%u registers)", count) : claim_skipped("no 64-bit BAR");
}

enum verdict test_decode_off(void)
{
    unsigned count = 0;
    find_bars();
    for (unsigned i = 0; i < bar_count; i++) {
        uint32_t first;
        if (!is_telling(i, &first))
            continue;
        count++;
        pci_command(bars[i].function, 0, PCI_COMMAND_MEMORY);
        uint32_t off = mmio_read32(bars[i].bar.address);
        pci_command(bars[i].function, PCI_COMMAND_MEMORY, 0);
        if (off != nothing())
            return claim_fails("%02x:%02x.%u BAR %u reads 0x%x with memory decoding off", PLACE(i), off);
        if (mmio_read32(bars[i].bar.address) != first)
            return claim_fails("%02x:%02x.%u BAR %u reads 0x%x with memory decoding on again", PLACE(i),
                               mmio_read32(bars[i].bar.address));
    }
    return count ? claim_holds("(%u registers)", count)
                 : claim_skipped("no BAR of 4 KiB whose first dword tells anything");
}

enum verdict test_edu_registers(void)
{
    struct edu edu;
    if (!pci_find(EDU_VENDOR, EDU_DEVICE, 0, &edu.function))
        return claim_skipped("no edu");
    if (!edu_open(&edu, 0))
        return claim_fails("the device does not identify itself");
    for (uint32_t value = 1; value; value <<= 1) {
        edu_write(&edu, EDU_LIVENESS, value);
        if (edu_read(&edu, EDU_LIVENESS) != ~value)
            return claim_fails("the liveness register reads 0x%x after 0x%x was written", edu_read(&edu, EDU_LIVENESS),
                               value);
    }
    return CLAIM_HOLDS;
}

// Memory without side effects, as a frame buffer is: each register's first and last dword keep what is written, apart
// from all others.
enum verdict test_frame_buffers(void)
{
    unsigned count = 0;
    find_bars();
    for (unsigned pass = 0; pass < 2; pass++) {
        count = 0;
        for (unsigned i = 0; i < bar_count; i++) {
            struct bar *bar = &bars[i].bar;
            if (bar->kind == BAR_IO || !(pci_read32(bars[i].function, PCI_BAR0 + 4 * bar->index) & 8))
                continue;
            if (!paging_map_device(bar->address, bar->size))
                return claim_fails("%02x:%02x.%u BAR %u at 0x%lx can't be mapped", PLACE(i), bar->address);
            pci_command(bars[i].function, PCI_COMMAND_MEMORY, 0);
            count++;
            for (unsigned end = 0; end < 2; end++) {
                uint64_t address = bar->address + (end ? bar->size - 4 : 0);
                uint32_t word = 0x5a000000 | i << 8 | end;
                if (!pass)
                    mmio_write32(address, word);
                else if (mmio_read32(address) != word)
                    return claim_fails("%02x:%02x.%u BAR %u: 0x%lx reads 0x%x", PLACE(i), address,
                                       mmio_read32(address));
            }
        }
    }
    return count ? claim_holds("(%u registers)", count) : claim_skipped("no prefetchable BAR");
}
