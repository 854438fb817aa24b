// What a guest may rely on when it masks interrupts, claim by claim, on an edu, an e1000e or swiftlet's test function.
#include "arguments.h"
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "interrupts.h"
#include "source.h"
#include "tests.h"

const char guest_name_text[] = "intx";

static struct claim claims[] = {
    {"enabled", test_enabled, false},
    {"disabled", test_disabled, false},
    {"status-bit", test_status_bit, false},
    {"pending", test_pending, false},
    {"msi-and-back", test_msi_and_back, false},
    {"level-held", test_level_held, false},
    {"masked-while-asserted", test_masked_while_asserted, false},
    {"disabled-in-flight", test_disabled_in_flight, false},
    {"shared-line", test_shared_line, false},
    {"masked-msix", test_masked_msix, false},
    {"masked-msix-unused", test_masked_msix_unused, false},
    {"function-mask", test_function_mask, false},
    {"msix-retarget", test_msix_retarget, false},
    {"msi-blocked", test_msi_blocked, false},
    {"dma-inside", test_dma_inside, false},
    {"dma-outside", test_dma_outside, true},
};
enum { COUNT = sizeof claims / sizeof claims[0], DMA_OUTSIDE = COUNT - 1 };

uint8_t guest_main(void)
{
    clock_start();
    sources_open();
    say("edu %s line %u, e1000e %s line %u", edu_source.present ? "present" : "absent", edu_source.pin,
        nic_source.present ? "present" : "absent", nic_source.pin);
    if (test_source.present)
        say("test function line %u", test_source.pin);
    if (second_test_source.present)
        say("second test function line %u", second_test_source.pin);
    if (argument_is("dma", "outside"))
        claims[DMA_OUTSIDE].on_request = false;
    return claims_run(claims, COUNT, sources_reset);
}
