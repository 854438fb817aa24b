#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

/// The message address that reaches the processor with APIC id `target` (Intel SDM vol. 3, 11.11.1).
#define MSI_ADDRESS(target) (0xfee00000u | (uint32_t)(target) << 12)

/// Programs one message and switches MSI on. False where the function has no MSI capability.
bool msi_enable(struct pci_address function, uint64_t address, uint16_t data);

/// Switches MSI off.
void msi_disable(struct pci_address function);

/// A function's MSI-X table and pending bits.
struct msix {
    struct pci_address function;
    unsigned capability;
    unsigned count;             ///< table entries
    uint64_t table, pending;    ///< addresses
};

/// Finds and maps the tables. False where the function has no MSI-X capability or its BAR can't be reached.
bool msix_find(struct pci_address function, struct msix *msix);

/// Switches MSI-X on or off, and masks or unmasks the whole function.
void msix_control(const struct msix *msix, bool enable, bool function_mask);

/// Writes an entry's message; the mask is left alone.
void msix_program(const struct msix *msix, unsigned entry, uint64_t address, uint32_t data);

/// Masks or unmasks one entry.
void msix_mask(const struct msix *msix, unsigned entry, bool masked);

/// An entry's pending bit.
bool msix_is_pending(const struct msix *msix, unsigned entry);
