#include "mmio.h"
#include "pci.h"
#include "tests.h"

// PCI Local Bus 3.0, 6.2.5.2 and 6.3.1.
enum { PCI_ROM = 0x30, ROM_ENABLE = 1 << 0, ROM_SIGNATURE = 0xaa55, ROM_POINTER = 0x18 };
#define ROM_ADDRESS 0xfffff800u
#define PCIR 0x52494350u

static enum verdict check(struct pci_address function, uint32_t size)
{
    uint32_t address = pci_read32(function, PCI_ROM) & ROM_ADDRESS;
    if (!address || address % size)
        return claim_fails("%02x:%02x.%u has a ROM of size 0x%x at 0x%x", function.bus, function.slot,
                           function.function, size, address);
    if (mmio_read16(address) != 0xffff)
        return claim_fails("the ROM at 0x%x answers before it is enabled: 0x%x", address, mmio_read16(address));
    pci_write32(function, PCI_ROM, address | ROM_ENABLE);
    pci_command(function, PCI_COMMAND_MEMORY, 0);
    if (mmio_read16(address) != ROM_SIGNATURE)
        return claim_fails("the ROM at 0x%x begins with 0x%x", address, mmio_read16(address));
    uint32_t header = address + mmio_read16(address + ROM_POINTER);
    if (mmio_read32(header) != PCIR)
        return claim_fails("the ROM's data structure at 0x%x begins with 0x%x", header, mmio_read32(header));
    if (mmio_read16(header + 4) != pci_read16(function, PCI_VENDOR) ||
        mmio_read16(header + 6) != pci_read16(function, PCI_DEVICE))
        return claim_fails("the ROM is for %04x:%04x", mmio_read16(header + 4), mmio_read16(header + 6));
    uint8_t sum = 0;
    uint32_t length = mmio_read8(address + 2) * 512u;
    for (uint32_t i = 0; i < length; i++)
        sum += mmio_read8(address + i);
    if (sum)
        return claim_fails("the ROM's first image has 0x%x bytes, which sum up to 0x%x", length, sum);
    mmio_write32(address, 0x12345678);
    if (mmio_read16(address) != ROM_SIGNATURE)
        return claim_fails("the ROM can be written");
    uint16_t last = mmio_read16(address + size - 2);
    pci_write32(function, PCI_ROM, address);
    if (mmio_read16(address) != 0xffff)
        return claim_fails("the ROM answers after it was disabled");
    return claim_holds("(%02x:%02x.%u, 0x%x of 0x%x bytes, last word 0x%x)", function.bus, function.slot,
                       function.function, length, size, last);
}

enum verdict test_rom(void)
{
    unsigned position = 0;
    struct pci_address address;
    while (pci_next(&position, &address)) {
        uint32_t before = pci_read32(address, PCI_ROM);
        pci_write32(address, PCI_ROM, ROM_ADDRESS);
        uint32_t mask = pci_read32(address, PCI_ROM) & ROM_ADDRESS;
        pci_write32(address, PCI_ROM, before);
        if (mask)
            return check(address, ~mask + 1);
    }
    return claim_skipped("no device has an expansion ROM");
}
