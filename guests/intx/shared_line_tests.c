#include "source.h"
#include "tests.h"

// With one device masked and raised, the other still delivers, once each time.
static enum verdict one_masked(const struct source *masked, const struct source *open)
{
    uint8_t vector = open->vector;
    uint64_t before = interrupts_on_vector(vector);
    source_disable_intx(masked, true);
    source_raise(masked);
    interrupts_quiet();
    if (interrupts_on_vector(vector) != before)
        return claim_fails("%s interrupts with INTx-disable set", masked->name);
    for (uint64_t i = 1; i <= 2; i++) {
        source_raise(open);
        if (!interrupts_reach(vector, before + i))
            return claim_fails("%s does not deliver while %s is masked", open->name, masked->name);
        interrupts_quiet();
        if (interrupts_on_vector(vector) != before + i)
            return claim_fails("%s delivers %lu times instead of %lu while %s is masked", open->name,
                               interrupts_on_vector(vector) - before, i, masked->name);
        // The handler has acknowledged both devices.
        source_raise(masked);
    }
    source_disable_intx(masked, false);
    if (!interrupts_reach(vector, before + 3))
        return claim_fails("%s does not deliver after it was unmasked", masked->name);
    return CLAIM_HOLDS;
}

enum verdict test_shared_line(void)
{
    unsigned present = 0;
    for (unsigned i = 0; i < SOURCE_COUNT; i++) {
        if (!sources[i]->present)
            continue;
        present++;
        for (unsigned j = 0; j < i; j++) {
            if (!sources[j]->present || sources[j]->pin != sources[i]->pin)
                continue;
            if (one_masked(sources[j], sources[i]) != CLAIM_HOLDS)
                return CLAIM_FAILS;
            return one_masked(sources[i], sources[j]);
        }
    }
    return present < 2 ? claim_skipped("no second device") : claim_skipped("lines differ");
}
