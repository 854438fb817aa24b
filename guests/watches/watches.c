// Reads a register of a device again and again and says what it is at first, when it is all ones, and when it is back:
// a device that somebody takes away from behind its guest, and gives back.
#include "arguments.h"
#include "bar.h"
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "mmio.h"
#include "pci.h"

const char guest_name_text[] = "watches";

/// Reads until the register has this value. False after a minute.
static bool await(uint64_t address, uint32_t value)
{
    uint64_t end = clock_now() + 60000000;
    while (mmio_read32(address) != value)
        if (clock_now() > end)
            return false;
    return true;
}

uint8_t guest_main(void)
{
    clock_start();
    unsigned slot = (unsigned)argument_number("slot", 1), offset = (unsigned)argument_number("offset", 8);
    struct pci_address function = {0, (uint8_t)slot, 0};
    uint64_t base = bar_map(function, 0);
    if (!base) {
        say("BAR 0 can't be reached");
        return EXIT_BAD_ARGUMENT;
    }
    pci_command(function, PCI_COMMAND_MEMORY, 0);
    uint32_t first = mmio_read32(base + offset);
    if (first == 0xffffffff) {
        say("FAIL all ones at first");
        return 1;
    }
    say("0x%08x", first);
    if (!await(base + offset, 0xffffffff)) {
        say("FAIL it stayed");
        return 1;
    }
    say("gone");
    if (!await(base + offset, first)) {
        say("FAIL it stayed away");
        return 1;
    }
    say("back");
    // Decoding as it was: the memory may come back, and must answer either way.
    pci_command(function, 0, PCI_COMMAND_MEMORY);
    pci_command(function, PCI_COMMAND_MEMORY, 0);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t value = mmio_read32(base + offset);
        if (value != first) {
            say("FAIL 0x%08x", value);
            return 1;
        }
    }
    say("PASS");
    return EXIT_PASS;
}
