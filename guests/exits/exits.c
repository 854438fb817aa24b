// A loop of nothing but exits to user space, for measuring what one costs. Each mode touches a place where no device
// is.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "console.h"
#include "ending.h"
#include "mmio.h"
#include "port.h"

// Linux's spare delay port: no chipset decodes it, neither QEMU nor the kvm-unit-tests device (0xe0...0xeb) claims it.
enum { UNCLAIMED_PORT = 0xed };

// In the hole below 4 GiB, clear of ECAM (0xb0000000 on Q35), of the IOAPIC, and of BARs, which are given out from
// elsewhere.
#define UNCLAIMED_ADDRESS 0xd0000000

// A host that only wants the loop timed listens here. QEMU's isa-debug-exit with iosize=4 covers this port and ends the
// run: give it iosize=1, or the guest mark=0.
enum { MARK_PORT = 0xf5, MARK_BEGIN = 1, MARK_END = 2 };

const char guest_name_text[] = "exits";

uint8_t guest_main(void)
{
    uint64_t count = argument_number("n", 100000);
    uint16_t mark = (uint16_t)argument_number("mark", MARK_PORT);
    char mode[8];
    if (!argument_text("mode", mode, sizeof mode))
        memcpy(mode, "port", sizeof "port");
    bool by_memory = text_equal(mode, "mmio");
    if (!by_memory && !text_equal(mode, "port")) {
        say("mode=%s is neither port nor mmio", mode);
        return EXIT_BAD_ARGUMENT;
    }
    if (mark)
        port_write8(mark, MARK_BEGIN);
    if (by_memory)
        for (uint64_t i = 0; i < count; i++)
            mmio_write32(UNCLAIMED_ADDRESS, 0);
    else
        for (uint64_t i = 0; i < count; i++)
            port_write8(UNCLAIMED_PORT, 0);
    if (mark)
        port_write8(mark, MARK_END);
    say("mode=%s n=%lu done", mode, count);
    return EXIT_PASS;
}
