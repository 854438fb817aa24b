// The test device: QEMU's pc-testdev and pci-testdev (docs/specs/pci-testdev.rst).
#include "bar.h"
#include "clock.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "mmio.h"
#include "paging.h"
#include "pci.h"
#include "port.h"
#include "tests.h"

enum { SCRATCH = 0xe0, FLUSH = 0xe4, SCRATCH_AGAIN = 0xe8, LINES = 0x2000 };
#define WINDOW 0xff000000ull
#define WINDOW_SIZE 0x10000ull
enum { LINE = 20, LINE_VECTOR = VECTOR_DEVICES, ARRIVAL_LIMIT = 2000000, QUIET = 20000 };
enum { VENDOR = 0x1b36, DEVICE = 0x0005 };
enum { HEADER_TEST = 0, HEADER_WIDTH = 1, HEADER_OFFSET = 4, HEADER_DATUM = 8, HEADER_COUNT = 12, HEADER_NAME = 16 };

static bool is_there(void)
{
    port_write32(SCRATCH, 0x5a5a1234);
    return port_read32(SCRATCH) == 0x5a5a1234;
}

#define NEED_DEVICE()  \
    if (!is_there())   \
    return claim_skipped("there is no test device")

enum verdict test_scratch_ports(void)
{
    NEED_DEVICE();
    port_write32(SCRATCH, 0x44332211);
    for (unsigned i = 0; i < 4; i++)
        if (port_read8(SCRATCH_AGAIN + (uint16_t)i) != 0x11 * (i + 1))
            return claim_fails("port 0x%x reads 0x%x", SCRATCH_AGAIN + i, port_read8(SCRATCH_AGAIN + (uint16_t)i));
    port_write16(SCRATCH_AGAIN + 2, 0xbbaa);
    port_write8(SCRATCH_AGAIN, 0xcc);
    if (port_read32(SCRATCH) != 0xbbaa22cc || port_read16(SCRATCH + 1) != 0xaa22)
        return claim_fails("the four bytes read 0x%x", port_read32(SCRATCH));
    return CLAIM_HOLDS;
}

enum verdict test_scratch_memory(void)
{
    NEED_DEVICE();
    paging_map_device(WINDOW, WINDOW_SIZE);
    mmio_write32(WINDOW, 0x01020304);
    mmio_write16(WINDOW + WINDOW_SIZE - 2, 0xa1a2);
    if (mmio_read32(WINDOW) != 0x01020304 || mmio_read8(WINDOW + 1) != 0x03)
        return claim_fails("its start reads 0x%x", mmio_read32(WINDOW));
    if (mmio_read16(WINDOW + WINDOW_SIZE - 2) != 0xa1a2)
        return claim_fails("its end reads 0x%x", mmio_read16(WINDOW + WINDOW_SIZE - 2));
    return CLAIM_HOLDS;
}

enum verdict test_page_flush(void)
{
    static volatile uint64_t page[512] __attribute__((aligned(4096)));
    NEED_DEVICE();
    for (unsigned round = 0; round < 100; round++) {
        page[round] = 0xf00d0000 + round;
        port_write32(FLUSH, (uint32_t)(uint64_t)page);
        if (page[round] != 0xf00d0000 + round)
            return claim_fails("after flush %u it holds 0x%lx", round, page[round]);
        page[round]++;
    }
    // Where no memory is there is nothing to flush, and nothing to break.
    port_write32(FLUSH, 0xfffff000);
    return CLAIM_HOLDS;
}

static bool came(void *count) { return interrupt_counts[LINE_VECTOR] == *(uint64_t *)count; }

static void nothing(void *context) { (void)context; }

enum verdict test_lines(void)
{
    NEED_DEVICE();
    interrupt_handle(LINE_VECTOR, nothing, 0);
    ioapic_route(LINE, LINE_VECTOR, IOAPIC_EDGE, lapic_id());
    enum verdict verdict = CLAIM_HOLDS;
    for (uint64_t expected = 1; expected <= 3 && verdict == CLAIM_HOLDS; expected++) {
        port_write8(LINES + LINE, 1);
        if (!clock_wait(came, &expected, ARRIVAL_LIMIT))
            verdict = claim_fails("raised %lu times, %lu interrupts", expected, interrupt_counts[LINE_VECTOR]);
        port_write8(LINES + LINE, 0);
    }
    clock_sleep(QUIET);
    if (verdict == CLAIM_HOLDS && interrupt_counts[LINE_VECTOR] != 3)
        verdict = claim_fails("raised 3 times, %lu interrupts", interrupt_counts[LINE_VECTOR]);
    ioapic_mask(LINE);
    interrupt_ignore(LINE_VECTOR);
    return verdict;
}

static uint32_t read_header(struct bar *bar, unsigned offset)
{
    return bar->kind == BAR_IO ? port_read32((uint16_t)(bar->address + offset)) : mmio_read32(bar->address + offset);
}

static void write_byte(struct bar *bar, unsigned offset, uint8_t value)
{
    if (bar->kind == BAR_IO)
        port_write8((uint16_t)(bar->address + offset), value);
    else
        mmio_write8(bar->address + offset, value);
}

static enum verdict count_writes(struct bar *bar)
{
    write_byte(bar, HEADER_TEST, 0);
    uint32_t first = read_header(bar, HEADER_TEST), offset = read_header(bar, HEADER_OFFSET),
             datum = read_header(bar, HEADER_DATUM);
    if ((first >> 8 & 0xff) != 1)
        return claim_fails("BAR %u: the first test's width is %u", bar->index, first >> 8 & 0xff);
    if (offset + 4 > bar->size)
        return claim_fails("BAR %u: writes go to 0x%x", bar->index, offset);
    for (unsigned i = 0; i < 5; i++)
        write_byte(bar, offset, (uint8_t)datum);
    write_byte(bar, offset, (uint8_t)~datum);
    write_byte(bar, offset + 1, (uint8_t)datum);
    if (read_header(bar, HEADER_COUNT) != 5)
        return claim_fails("BAR %u: %u of 5 writes were counted", bar->index, read_header(bar, HEADER_COUNT));
    write_byte(bar, HEADER_TEST, 0);
    if (read_header(bar, HEADER_COUNT) != 0)
        return claim_fails("BAR %u: choosing the test again leaves the count at %u", bar->index,
                           read_header(bar, HEADER_COUNT));
    write_byte(bar, HEADER_TEST, 200);
    if ((read_header(bar, HEADER_TEST) >> 8 & 0xff) != 0)
        return claim_fails("BAR %u: there is a test 200", bar->index);
    return CLAIM_HOLDS;
}

enum verdict test_counted_writes(void)
{
    struct pci_address function;
    if (!pci_find(VENDOR, DEVICE, 0, &function))
        return claim_skipped("there is no function %04x:%04x", VENDOR, DEVICE);
    // Decoding is on, as firmware leaves it.
    if ((pci_read16(function, PCI_COMMAND) & 3) != 3)
        return claim_fails("COMMAND is 0x%x", pci_read16(function, PCI_COMMAND));
    struct bar memory = bar_read(function, 0), ports = bar_read(function, 1);
    if (memory.kind != BAR_MEMORY_32 || ports.kind != BAR_IO)
        return claim_fails("its BARs are not memory and ports");
    if (!bar_map(function, 0))
        return claim_fails("its memory can't be mapped");
    enum verdict verdict = count_writes(&memory);
    return verdict == CLAIM_HOLDS ? count_writes(&ports) : verdict;
}
