#include <stdint.h>

#include "boot.h"
#include "console.h"
#include "source.h"
#include "tests.h"

// The edu drops address bits above 28, so that both kinds of target stay below 256 MiB.
enum { COUNT = 2048, OUTSIDE = 0x0e000000 };

static volatile uint8_t from[COUNT], to[COUNT];

static uint8_t pattern(unsigned index, uint8_t seed) { return (uint8_t)(index * 7 + seed); }

static void fill(volatile uint8_t *buffer, uint8_t seed)
{
    for (unsigned i = 0; i < COUNT; i++)
        buffer[i] = pattern(i, seed);
}

static unsigned differences(const volatile uint8_t *buffer, uint8_t seed)
{
    unsigned count = 0;
    for (unsigned i = 0; i < COUNT; i++)
        count += buffer[i] != pattern(i, seed);
    return count;
}

static uint32_t address_of(const volatile uint8_t *buffer) { return (uint32_t)(uint64_t)buffer; }

static enum verdict copy_through(uint8_t seed)
{
    fill(from, seed);
    fill(to, (uint8_t)~seed);
    if (!edu_copy_in(&edu, address_of(from), COUNT))
        return claim_fails("the device is still busy reading guest memory");
    if (!edu_copy_out(&edu, address_of(to), COUNT))
        return claim_fails("the device is still busy writing guest memory");
    unsigned wrong = differences(to, seed);
    if (wrong)
        return claim_fails("%u of %u bytes differ after a copy through the device", wrong, COUNT);
    return CLAIM_HOLDS;
}

enum verdict test_dma_inside(void)
{
    if (!edu_source.present)
        return claim_skipped("no edu");
    if (copy_through(1) != CLAIM_HOLDS)
        return CLAIM_FAILS;
    return copy_through(2);
}

enum verdict test_dma_outside(void)
{
    if (!edu_source.present)
        return claim_skipped("no edu");
    if (boot.ram_end > OUTSIDE)
        return claim_skipped("RAM reaches beyond 0x%x", OUTSIDE);
    say("the device writes %u bytes to 0x%x and reads them back, outside of RAM", COUNT, OUTSIDE);
    fill(from, 3);
    if (!edu_copy_in(&edu, address_of(from), COUNT))
        return claim_fails("the device is still busy reading guest memory");
    if (!edu_copy_out(&edu, OUTSIDE, COUNT) || !edu_copy_in(&edu, OUTSIDE, COUNT))
        return claim_fails("the device is still busy outside of RAM");
    fill(to, 4);
    if (!edu_copy_out(&edu, address_of(to), COUNT))
        return claim_fails("the device is still busy writing guest memory");
    bool came_back = differences(to, 3) == 0;
    // A device whose stray transfers were stopped has to keep working.
    if (copy_through(5) != CLAIM_HOLDS)
        return CLAIM_FAILS;
    return claim_holds("(the guest goes on; the device's buffer %s)", came_back ? "is unchanged" : "was overwritten");
}
