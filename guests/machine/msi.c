#include "msi.h"

#include "bar.h"
#include "mmio.h"

// PCI Local Bus 3.0, 6.8.1 and 6.8.2.
enum { MSI_CONTROL = 2, MSI_ENABLE = 1 << 0, MSI_MULTIPLE = 7 << 4, MSI_64 = 1 << 7, MSI_ADDRESS_LOW = 4 };
enum {
    MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_PENDING = 8, MSIX_COUNT = 0x7ff, MSIX_FUNCTION_MASK = 1 << 14,
    MSIX_ENABLE = 1 << 15,
};
enum {
    ENTRY_SIZE = 16, ENTRY_ADDRESS_LOW = 0, ENTRY_ADDRESS_HIGH = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12,
    ENTRY_MASKED = 1,
};
enum { BAR_INDICATOR = 7 };

bool msi_enable(struct pci_address function, uint64_t address, uint16_t data)
{
    unsigned capability = pci_capability(function, PCI_CAPABILITY_MSI);
    if (!capability)
        return false;
    uint16_t control = pci_read16(function, capability + MSI_CONTROL);
    bool wide = control & MSI_64;
    pci_write32(function, capability + MSI_ADDRESS_LOW, (uint32_t)address);
    if (wide)
        pci_write32(function, capability + MSI_ADDRESS_LOW + 4, (uint32_t)(address >> 32));
    pci_write16(function, capability + (wide ? 12 : 8), data);
    pci_write16(function, capability + MSI_CONTROL, (uint16_t)((control & ~MSI_MULTIPLE) | MSI_ENABLE));
    return true;
}

void msi_disable(struct pci_address function)
{
    unsigned capability = pci_capability(function, PCI_CAPABILITY_MSI);
    if (capability)
        pci_write16(function, capability + MSI_CONTROL,
                    pci_read16(function, capability + MSI_CONTROL) & (uint16_t)~MSI_ENABLE);
}

static uint64_t map(struct pci_address function, uint32_t location)
{
    uint64_t base = bar_map(function, location & BAR_INDICATOR);
    return base ? base + (location & ~(uint32_t)BAR_INDICATOR) : 0;
}

bool msix_find(struct pci_address function, struct msix *msix)
{
    msix->function = function;
    msix->capability = pci_capability(function, PCI_CAPABILITY_MSIX);
    if (!msix->capability)
        return false;
    msix->count = (pci_read16(function, msix->capability + MSIX_CONTROL) & MSIX_COUNT) + 1u;
    msix->table = map(function, pci_read32(function, msix->capability + MSIX_TABLE));
    msix->pending = map(function, pci_read32(function, msix->capability + MSIX_PENDING));
    return msix->table && msix->pending;
}

void msix_control(const struct msix *msix, bool enable, bool function_mask)
{
    uint16_t control = pci_read16(msix->function, msix->capability + MSIX_CONTROL);
    control &= (uint16_t)~(MSIX_ENABLE | MSIX_FUNCTION_MASK);
    if (enable)
        control |= MSIX_ENABLE;
    if (function_mask)
        control |= MSIX_FUNCTION_MASK;
    pci_write16(msix->function, msix->capability + MSIX_CONTROL, control);
}

void msix_program(const struct msix *msix, unsigned entry, uint64_t address, uint32_t data)
{
    uint64_t base = msix->table + entry * ENTRY_SIZE;
    mmio_write32(base + ENTRY_ADDRESS_LOW, (uint32_t)address);
    mmio_write32(base + ENTRY_ADDRESS_HIGH, (uint32_t)(address >> 32));
    mmio_write32(base + ENTRY_DATA, data);
}

void msix_mask(const struct msix *msix, unsigned entry, bool masked)
{
    uint64_t control = msix->table + entry * ENTRY_SIZE + ENTRY_CONTROL;
    uint32_t value = mmio_read32(control);
    mmio_write32(control, masked ? value | ENTRY_MASKED : value & ~(uint32_t)ENTRY_MASKED);
}

bool msix_is_pending(const struct msix *msix, unsigned entry)
{
    return (mmio_read32(msix->pending + entry / 32 * 4) >> (entry % 32)) & 1;
}
