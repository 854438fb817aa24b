#include "pci.h"

#include <stddef.h>

#include "mmio.h"
#include "paging.h"
#include "port.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };
enum { FUNCTIONS_ON_A_BUS = 256, MULTIFUNCTION = 0x80, NO_VENDOR = 0xffff, CAPABILITIES_LIMIT = 48 };
enum { PCIEXBAR = 0x60, PCIEXBAR_ENABLE = 1 };
#define PCIEXBAR_ADDRESS 0x7ffc000000ull
#define ECAM_BUS_SIZE 0x100000ull

static uint16_t select(struct pci_address address, unsigned offset)
{
    port_write32(CONFIG_ADDRESS, 0x80000000u | (uint32_t)address.bus << 16 | (uint32_t)address.slot << 11
                 | (uint32_t)address.function << 8 | (offset & 0xfc));
    return (uint16_t)(CONFIG_DATA + (offset & 3));
}

uint8_t pci_read8(struct pci_address address, unsigned offset) { return port_read8(select(address, offset)); }
uint16_t pci_read16(struct pci_address address, unsigned offset) { return port_read16(select(address, offset)); }
uint32_t pci_read32(struct pci_address address, unsigned offset) { return port_read32(select(address, offset)); }
void pci_write8(struct pci_address address, unsigned offset, uint8_t value) {
    port_write8(select(address, offset), value);
}
void pci_write16(struct pci_address address, unsigned offset, uint16_t value) {
    port_write16(select(address, offset), value);
}
void pci_write32(struct pci_address address, unsigned offset, uint32_t value) {
    port_write32(select(address, offset), value);
}

uint64_t pci_ecam_base(void)
{
    struct pci_address host_bridge = {0, 0, 0};
    uint32_t low = pci_read32(host_bridge, PCIEXBAR);
    uint64_t base = ((uint64_t)pci_read32(host_bridge, PCIEXBAR + 4) << 32 | low) & PCIEXBAR_ADDRESS;
    if (low == 0xffffffff || !(low & PCIEXBAR_ENABLE) || !base || !paging_map_device(base, ECAM_BUS_SIZE))
        return 0;
    return base;
}

bool pci_next(unsigned *position, struct pci_address *address)
{
    while (*position < FUNCTIONS_ON_A_BUS) {
        struct pci_address here = {0, (uint8_t)(*position >> 3), *position & 7};
        bool present = pci_read16(here, PCI_VENDOR) != NO_VENDOR;
        bool single = here.function == 0 && (!present || !(pci_read8(here, PCI_HEADER_TYPE) & MULTIFUNCTION));
        *position += single ? 8 : 1;
        if (present) {
            *address = here;
            return true;
        }
    }
    return false;
}

bool pci_find(uint16_t vendor, uint16_t device, unsigned slot, struct pci_address *address)
{
    unsigned position = 0;
    while (pci_next(&position, address))
        if ((!slot || address->slot == slot) && pci_read16(*address, PCI_VENDOR) == vendor
            && pci_read16(*address, PCI_DEVICE) == device)
            return true;
    return false;
}

unsigned pci_capability(struct pci_address address, uint8_t kind)
{
    if (!(pci_read16(address, PCI_STATUS) & PCI_STATUS_CAPABILITIES))
        return 0;
    unsigned offset = pci_read8(address, PCI_CAPABILITIES) & 0xfc;
    for (unsigned i = 0; offset && i < CAPABILITIES_LIMIT; i++) {
        if (pci_read8(address, offset) == kind)
            return offset;
        offset = pci_read8(address, offset + 1) & 0xfc;
    }
    return 0;
}

void pci_command(struct pci_address address, uint16_t set, uint16_t clear)
{
    pci_write16(address, PCI_COMMAND, (uint16_t)((pci_read16(address, PCI_COMMAND) & ~clear) | set));
}
