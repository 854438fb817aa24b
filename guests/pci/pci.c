// What a guest may rely on in the configuration space and the base address registers.
#include "boot.h"
#include "console.h"
#include "pci.h"
#include "tests.h"

const char guest_name_text[] = "pci";

static const struct claim claims[] = {
    {"absent-cf8", test_absent_cf8, false},
    {"absent-ecam", test_absent_ecam, false},
    {"agreement", test_agreement, false},
    {"address-latch", test_address_latch, false},
    {"odd-accesses", test_odd_accesses, false},
    {"identity", test_identity, false},
    {"command-bits", test_command_bits, false},
    {"capabilities", test_capabilities, false},
    {"bar-sizes", test_bar_sizes, false},
    {"bar-overlap", test_bar_overlap, false},
    {"absent-memory", test_absent_memory, false},
    {"bar-move", test_bar_move, false},
    {"bar-move-high", test_bar_move_high, false},
    {"decode-off", test_decode_off, false},
    {"edu-registers", test_edu_registers, false},
    {"frame-buffers", test_frame_buffers, true},
    {"rom", test_rom, true},
};

uint8_t guest_main(void)
{
    struct pci_address address;
    unsigned position = 0, count = 0;
    while (pci_next(&position, &address))
        count++;
    say("%u functions on bus 0, ECAM at 0x%lx", count, pci_ecam_base());
    position = 0;
    while (pci_next(&position, &address))
        say("%02x:%02x.%u %04x:%04x class %02x line %u", address.bus, address.slot, address.function,
            pci_read16(address, PCI_VENDOR), pci_read16(address, PCI_DEVICE), pci_read8(address, PCI_CLASS),
            pci_read8(address, PCI_INTERRUPT_LINE));
    return claims_run(claims, sizeof claims / sizeof claims[0], 0);
}
