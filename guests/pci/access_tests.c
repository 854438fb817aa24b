#include "mmio.h"
#include "pci.h"
#include "port.h"
#include "tests.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc, HEADER_SIZE = 256, EXTENDED_OFFSET = 0x100 };
static const unsigned offsets[] = {0x00, 0x04, 0x08, 0x0c, 0x10, 0x34, 0x3c, 0x40, 0xfc};

static bool is_present(struct pci_address address) { return pci_read16(address, PCI_VENDOR) != 0xffff; }

// Calls `check` for the first function of each empty slot, and for a few functions that no device has.
static enum verdict each_absent(enum verdict (*check)(struct pci_address address))
{
    unsigned count = 0;
    for (unsigned index = 0; index < 256; index++) {
        struct pci_address address = {0, (uint8_t)(index >> 3), index & 7};
        bool wanted = address.function == 0 || address.function == 7;
        if (!wanted || is_present(address))
            continue;
        count++;
        if (check(address) != CLAIM_HOLDS)
            return CLAIM_FAILS;
    }
    return count ? CLAIM_HOLDS : claim_skipped("bus 0 is full");
}

#define EXPECT_ONES(value, ones, what)                                                                          \
    if ((value) != (ones))                                                                                      \
        return claim_fails("%02x:%02x.%u reads 0x%x at 0x%x by " what, address.bus, address.slot, address.function, \
                           (unsigned)(value), offset)

static enum verdict reads_ones_cf8(struct pci_address address)
{
    for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        unsigned offset = offsets[i];
        EXPECT_ONES(pci_read32(address, offset), 0xffffffff, "dword");
        EXPECT_ONES(pci_read16(address, offset + 2), 0xffff, "word");
        EXPECT_ONES(pci_read8(address, offset + 1), 0xff, "byte");
    }
    pci_write32(address, PCI_BAR0, 0);
    return CLAIM_HOLDS;
}

enum verdict test_absent_cf8(void) { return each_absent(reads_ones_cf8); }

static enum verdict reads_ones_ecam(struct pci_address address)
{
    uint64_t base = pci_ecam_base();
    for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        unsigned offset = offsets[i];
        EXPECT_ONES(mmio_read32(pci_ecam_address(base, address, offset)), 0xffffffff, "dword");
        EXPECT_ONES(mmio_read16(pci_ecam_address(base, address, offset + 2)), 0xffff, "word");
        EXPECT_ONES(mmio_read8(pci_ecam_address(base, address, offset + 1)), 0xff, "byte");
    }
    unsigned offset = EXTENDED_OFFSET;
    EXPECT_ONES(mmio_read32(pci_ecam_address(base, address, offset)), 0xffffffff, "dword");
    mmio_write32(pci_ecam_address(base, address, PCI_BAR0), 0);
    return CLAIM_HOLDS;
}

#define NEED_ECAM()        \
    if (!pci_ecam_base())  \
    return claim_skipped("the host bridge's PCIEXBAR is off")

enum verdict test_absent_ecam(void)
{
    NEED_ECAM();
    return each_absent(reads_ones_ecam);
}

static enum verdict agrees(struct pci_address address, uint64_t base)
{
    for (unsigned offset = 0; offset < HEADER_SIZE; offset += 4) {
        uint64_t place = pci_ecam_address(base, address, offset);
        uint32_t value = pci_read32(address, offset);
        if (mmio_read32(place) != value)
            return claim_fails("%02x:%02x.%u at 0x%x: 0x%x by CF8, 0x%x by ECAM", address.bus, address.slot,
                               address.function, offset, value, mmio_read32(place));
        for (unsigned part = 0; part < 4; part++) {
            uint8_t byte = (uint8_t)(value >> (8 * part));
            if (pci_read8(address, offset + part) != byte || mmio_read8(place + part) != byte)
                return claim_fails("%02x:%02x.%u byte at 0x%x differs from its dword 0x%x", address.bus, address.slot,
                                   address.function, offset + part, value);
        }
        for (unsigned part = 0; part < 4; part += 2) {
            uint16_t word = (uint16_t)(value >> (8 * part));
            if (pci_read16(address, offset + part) != word || mmio_read16(place + part) != word)
                return claim_fails("%02x:%02x.%u word at 0x%x differs from its dword 0x%x", address.bus, address.slot,
                                   address.function, offset + part, value);
        }
    }
    return CLAIM_HOLDS;
}

enum verdict test_agreement(void)
{
    NEED_ECAM();
    uint64_t base = pci_ecam_base();
    unsigned position = 0, count = 0;
    struct pci_address address;
    while (pci_next(&position, &address)) {
        count++;
        if (agrees(address, base) != CLAIM_HOLDS)
            return CLAIM_FAILS;
    }
    return count ? claim_holds("(%u functions)", count) : claim_fails("bus 0 has no function");
}

// PCI Local Bus 3.0, 3.2.2.3.2: only a whole dword reaches the address register.
enum verdict test_address_latch(void)
{
    enum { HOST_BRIDGE_VENDOR = 0x80000000, SOMETHING = 0x12 };
    port_write32(CONFIG_ADDRESS, HOST_BRIDGE_VENDOR);
    uint32_t vendor = port_read32(CONFIG_DATA);
    port_write8(CONFIG_ADDRESS, SOMETHING);
    port_write16(CONFIG_ADDRESS + 2, SOMETHING);
    if (port_read32(CONFIG_ADDRESS) != HOST_BRIDGE_VENDOR)
        return claim_fails("the address register reads 0x%x after writes of a byte and a word",
                           port_read32(CONFIG_ADDRESS));
    if (port_read32(CONFIG_DATA) != vendor)
        return claim_fails("the data register follows a byte written to the address register");
    port_write32(CONFIG_ADDRESS, 0);
    if (port_read32(CONFIG_DATA) != 0xffffffff)
        return claim_fails("the data register reads 0x%x with the enable bit clear", port_read32(CONFIG_DATA));
    return CLAIM_HOLDS;
}

// Nothing says what these return, but the machine has to live on.
enum verdict test_odd_accesses(void)
{
    struct pci_address host_bridge = {0, 0, 0};
    uint32_t vendor = pci_read32(host_bridge, PCI_VENDOR);
    port_write32(CONFIG_ADDRESS, 0x80000000);
    port_read16(CONFIG_DATA + 1);
    port_read16(CONFIG_DATA + 3);
    port_read32(CONFIG_DATA + 1);
    port_read32(CONFIG_DATA + 3);
    port_write32(CONFIG_DATA + 3, 0);
    port_read16(CONFIG_ADDRESS + 3);
    uint64_t base = pci_ecam_base();
    if (base) {
        uint64_t wide;
        mmio_read16(base + 1);
        mmio_read32(base + 1);
        mmio_read32(base + 2);
        mmio_read32(base + 0xffe);      // into the next function
        __asm__ volatile("movq (%1), %0" : "=r"(wide) : "r"(base) : "memory");
        __asm__ volatile("movq (%1), %0" : "=r"(wide) : "r"(base + 0xffc) : "memory");
        mmio_write32(base + 1, 0);
    }
    if (pci_read32(host_bridge, PCI_VENDOR) != vendor)
        return claim_fails("the host bridge's ids read 0x%x afterwards", pci_read32(host_bridge, PCI_VENDOR));
    return CLAIM_HOLDS;
}
