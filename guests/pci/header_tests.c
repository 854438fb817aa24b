#include "pci.h"
#include "tests.h"

enum { CLASS_BRIDGE = 0x06, FIRST_CAPABILITY = 0x40, LONGEST_CHAIN = 48 };

enum verdict test_identity(void)
{
    unsigned position = 0;
    struct pci_address address;
    while (pci_next(&position, &address)) {
        uint32_t ids = pci_read32(address, PCI_VENDOR);
        pci_write32(address, PCI_VENDOR, ~ids);
        if (pci_read32(address, PCI_VENDOR) != ids)
            return claim_fails("%02x:%02x.%u ids changed from 0x%x to 0x%x", address.bus, address.slot,
                               address.function, ids, pci_read32(address, PCI_VENDOR));
    }
    return CLAIM_HOLDS;
}

enum verdict test_command_bits(void)
{
    static const uint16_t commands[] = {
        0,
        PCI_COMMAND_MEMORY,
        PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
        PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE,
        PCI_COMMAND_INTX_DISABLE,
        PCI_COMMAND_MASTER,
    };
    enum { CHECKED = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE };
    unsigned position = 0, count = 0;
    struct pci_address address;
    while (pci_next(&position, &address)) {
        if (pci_read8(address, PCI_CLASS) == CLASS_BRIDGE || !pci_read8(address, PCI_INTERRUPT_PIN))
            continue;
        count++;
        uint16_t before = pci_read16(address, PCI_COMMAND);
        for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            pci_write16(address, PCI_COMMAND, commands[i]);
            uint16_t command = pci_read16(address, PCI_COMMAND);
            if ((command & CHECKED) != commands[i]) {
                pci_write16(address, PCI_COMMAND, before);
                return claim_fails("%02x:%02x.%u COMMAND reads 0x%x after 0x%x was written", address.bus, address.slot,
                                   address.function, command, commands[i]);
            }
        }
        pci_write16(address, PCI_COMMAND, before);
    }
    return count ? claim_holds("(%u functions)", count) : claim_skipped("no device with an interrupt pin");
}

enum verdict test_capabilities(void)
{
    unsigned position = 0;
    struct pci_address address;
    while (pci_next(&position, &address)) {
        if (!(pci_read16(address, PCI_STATUS) & PCI_STATUS_CAPABILITIES))
            continue;
        unsigned offset = pci_read8(address, PCI_CAPABILITIES), length = 0;
        while (offset) {
            if (offset < FIRST_CAPABILITY || offset & 3)
                return claim_fails("%02x:%02x.%u has a capability at 0x%x", address.bus, address.slot, address.function,
                                   offset);
            if (++length > LONGEST_CHAIN)
                return claim_fails("%02x:%02x.%u has an endless chain of capabilities", address.bus, address.slot,
                                   address.function);
            offset = pci_read8(address, offset + 1);
        }
    }
    return CLAIM_HOLDS;
}
