#include "bar.h"

#include "console.h"
#include "paging.h"

// PCI Local Bus 3.0, 6.2.5.1.
enum { IS_IO = 1 << 0, TYPE_MASK = 3 << 1, TYPE_64 = 2 << 1 };
#define IO_ADDRESS 0xfffffffcu
#define MEMORY_ADDRESS 0xfffffff0u

static uint32_t size_mask(struct pci_address function, unsigned offset)
{
    uint32_t value = pci_read32(function, offset);
    pci_write32(function, offset, 0xffffffff);
    uint32_t mask = pci_read32(function, offset);
    pci_write32(function, offset, value);
    return mask;
}

struct bar bar_read(struct pci_address function, unsigned index)
{
    struct bar bar = {BAR_ABSENT, index, 0, 0};
    unsigned offset = PCI_BAR0 + 4 * index;
    uint16_t command = pci_read16(function, PCI_COMMAND);
    pci_write16(function, PCI_COMMAND, command & (uint16_t)~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    uint32_t low = pci_read32(function, offset);
    uint32_t mask = size_mask(function, offset);
    if (low & IS_IO) {
        bar.kind = BAR_IO;
        bar.address = low & IO_ADDRESS;
        // The upper 16 bits may be hardwired to zero.
        bar.size = (uint16_t)(~(mask & IO_ADDRESS) + 1);
    } else if ((low & TYPE_MASK) == TYPE_64 && index < 5) {
        bar.kind = BAR_MEMORY_64;
        bar.address = (uint64_t)pci_read32(function, offset + 4) << 32 | (low & MEMORY_ADDRESS);
        bar.size = ~((uint64_t)size_mask(function, offset + 4) << 32 | (mask & MEMORY_ADDRESS)) + 1;
    } else if (mask & MEMORY_ADDRESS) {
        bar.kind = BAR_MEMORY_32;
        bar.address = low & MEMORY_ADDRESS;
        bar.size = (uint32_t)(~(mask & MEMORY_ADDRESS) + 1);
    }
    if (bar.size == 0)
        bar.kind = BAR_ABSENT;
    pci_write16(function, PCI_COMMAND, command);
    return bar;
}

void bar_move(struct pci_address function, struct bar *bar, uint64_t address)
{
    bar->address = address;
    pci_write32(function, PCI_BAR0 + 4 * bar->index, (uint32_t)address);
    if (bar->kind == BAR_MEMORY_64)
        pci_write32(function, PCI_BAR0 + 4 * bar->index + 4, (uint32_t)(address >> 32));
}

uint64_t bar_map(struct pci_address function, unsigned index)
{
    struct bar bar = bar_read(function, index);
    if (bar.kind != BAR_MEMORY_32 && bar.kind != BAR_MEMORY_64)
        say("%02x:%02x.%u has no memory BAR %u", function.bus, function.slot, function.function, index);
    else if (!bar.address)
        say("%02x:%02x.%u BAR %u was given no address", function.bus, function.slot, function.function, index);
    else if (!paging_map_device(bar.address, bar.size))
        say("%02x:%02x.%u BAR %u at 0x%lx can't be mapped", function.bus, function.slot, function.function, index,
            bar.address);
    else
        return bar.address;
    return 0;
}
