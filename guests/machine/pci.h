#pragma once
#include <stdbool.h>
#include <stdint.h>

/// A function on bus 0...255.
struct pci_address {
    uint8_t bus, slot, function;
};

/// Offsets in the configuration header and their bits (PCI Local Bus 3.0, 6.1 and 6.2).
enum {
    PCI_VENDOR = 0x00, PCI_DEVICE = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_CLASS = 0x0b,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10, PCI_CAPABILITIES = 0x34, PCI_INTERRUPT_LINE = 0x3c, PCI_INTERRUPT_PIN = 0x3d,
    PCI_COMMAND_IO = 1 << 0, PCI_COMMAND_MEMORY = 1 << 1, PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << 3, PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_CAPABILITY_MSI = 0x05, PCI_CAPABILITY_MSIX = 0x11,
};

/// Configuration reads and writes through the ports 0xcf8 and 0xcfc; `offset` is 0...255, naturally aligned.
uint8_t pci_read8(struct pci_address address, unsigned offset);
uint16_t pci_read16(struct pci_address address, unsigned offset);
uint32_t pci_read32(struct pci_address address, unsigned offset);
void pci_write8(struct pci_address address, unsigned offset, uint8_t value);
void pci_write16(struct pci_address address, unsigned offset, uint16_t value);
void pci_write32(struct pci_address address, unsigned offset, uint32_t value);

/// The base of the memory-mapped configuration space from the host bridge's PCIEXBAR (Intel Q35 MCH, 5.1.16), mapped; 0
/// where it is off or out of reach.
uint64_t pci_ecam_base(void);

/// The memory address of a configuration register, `offset` 0...4095.
static inline uint64_t pci_ecam_address(uint64_t base, struct pci_address address, unsigned offset)
{
    return base +
           ((uint64_t)address.bus << 20 | (uint64_t)address.slot << 15 | (uint64_t)address.function << 12 | offset);
}

/// Walks the functions of bus 0 in order. Begin with `*position` 0; false at the end.
bool pci_next(unsigned *position, struct pci_address *address);

/// The first function of a vendor and device id, or the one in `slot` (1...31) when that is not 0.
bool pci_find(uint16_t vendor, uint16_t device, unsigned slot, struct pci_address *address);

/// The offset of a capability, 0 if the function has none of this kind.
unsigned pci_capability(struct pci_address address, uint8_t kind);

/// Sets and clears bits of the COMMAND register.
void pci_command(struct pci_address address, uint16_t set, uint16_t clear);
