#include <stddef.h>

#include "interrupts.h"
#include "lapic.h"
#include "msi.h"
#include "source.h"
#include "tests.h"

// Causes of the device that software can set, each with an MSI-X entry of its own: those of the e1000e, or the test
// function's first four.
enum { FIRST = 0, SECOND = 1, UNUSED = 3 };
static const struct {
    uint32_t cause;
    unsigned shift;
} causes[] = {
    [FIRST] = {E1000_CAUSE_RXQ0, 0},
    [SECOND] = {E1000_CAUSE_TXQ0, 8},
    [UNUSED] = {E1000_CAUSE_RXQ1, 4},
};

enum { NO_SUCH_PROCESSOR = 0xe7, RESERVED_VECTOR = 5, OTHER_VECTOR = VECTOR_MSIX + 8 };

static struct msix msix;

static bool uses_nic(void) { return nic_source.present && line != &test_source; }

static void clear_causes(void *context)
{
    (void)context;
    if (!uses_nic())
        return test_function_write(&test, TEST_FUNCTION_ACKNOWLEDGE, 0xffffffff);
    e1000_write(&nic, E1000_ICR, E1000_CAUSE_RXQ0 | E1000_CAUSE_RXQ1 | E1000_CAUSE_TXQ0);
}

static void fire(unsigned entry)
{
    if (uses_nic())
        e1000_write(&nic, E1000_ICS, causes[entry].cause);
    else
        test_function_write(&test, TEST_FUNCTION_RAISE, 1u << entry);
}

// MSI-X on, the first two entries open, the unused one as the reset left it: masked.
static enum verdict begin(void)
{
    const struct source *device = uses_nic() ? &nic_source : &test_source;
    if (!device->present)
        return claim_skipped("no %s", nic_source.name);
    if (!msix_find(device->function, &msix) || msix.count <= UNUSED)
        return claim_fails("%s has no MSI-X table of at least %u entries", device->name, UNUSED + 1);
    msix_control(&msix, true, true);
    if (uses_nic()) {
        e1000_write(&nic, E1000_EIAC, 0);
        e1000_write(&nic, E1000_IAM, 0);
    }
    uint32_t routes = 0, mask = 0;
    for (unsigned i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (!causes[i].cause)
            continue;
        routes |= E1000_IVAR_ENTRY(i, causes[i].shift);
        mask |= causes[i].cause;
        msix_mask(&msix, i, true);
        msix_program(&msix, i, MSI_ADDRESS(lapic_id()), VECTOR_MSIX + i);
        interrupt_handle((uint8_t)(VECTOR_MSIX + i), clear_causes, NULL);
        if (i != UNUSED)
            msix_mask(&msix, i, false);
    }
    interrupt_handle(OTHER_VECTOR, clear_causes, NULL);
    clear_causes(NULL);
    if (uses_nic()) {
        e1000_write(&nic, E1000_IVAR, routes);
        e1000_write(&nic, E1000_IMC, 0xffffffff);
        e1000_write(&nic, E1000_IMS, mask);
    }
    msix_control(&msix, true, false);
    return CLAIM_HOLDS;
}

static enum verdict count_is(uint8_t vector, uint64_t count, const char *when)
{
    interrupts_reach(vector, count);
    interrupts_quiet();
    uint64_t counted = interrupts_on_vector(vector);
    if (counted != count)
        return claim_fails("%lu interrupts instead of %lu on vector 0x%x %s", counted, count, vector, when);
    return CLAIM_HOLDS;
}

static enum verdict pending_is(unsigned entry, bool pending, const char *when)
{
    if (msix_is_pending(&msix, entry) != pending)
        return claim_fails("the pending bit of entry %u reads %u %s", entry, !pending, when);
    return CLAIM_HOLDS;
}

#define REQUIRE(check)                      \
    do {                                    \
        enum verdict verdict_ = (check);    \
        if (verdict_ != CLAIM_HOLDS)        \
            return verdict_;                \
    } while (0)

static void mask_entry(unsigned entry, bool masked) { msix_mask(&msix, entry, masked); }

static void mask_function(unsigned entry, bool masked)
{
    (void)entry;
    msix_control(&msix, true, masked);
}

static enum verdict held_while_masked(unsigned entry, void (*set_mask)(unsigned entry, bool masked))
{
    uint8_t vector = (uint8_t)(VECTOR_MSIX + entry);
    uint64_t before = interrupts_on_vector(vector);
    set_mask(entry, true);
    REQUIRE(pending_is(entry, false, "before anything was raised"));
    fire(entry);
    REQUIRE(count_is(vector, before, "while masked"));
    REQUIRE(pending_is(entry, true, "after one was raised while masked"));
    set_mask(entry, false);
    REQUIRE(count_is(vector, before + 1, "after unmasking"));
    REQUIRE(pending_is(entry, false, "after unmasking"));
    fire(entry);
    return count_is(vector, before + 2, "for the next one");
}

enum verdict test_masked_msix(void)
{
    REQUIRE(begin());
    fire(FIRST);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 1, "while unmasked"));
    REQUIRE(held_while_masked(FIRST, mask_entry));
    mask_entry(FIRST, true);
    fire(SECOND);
    return count_is(VECTOR_MSIX + SECOND, 1, "of the other entry while the first is masked");
}

enum verdict test_masked_msix_unused(void)
{
    REQUIRE(begin());
    return held_while_masked(UNUSED, mask_entry);
}

enum verdict test_function_mask(void)
{
    REQUIRE(begin());
    fire(FIRST);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 1, "while unmasked"));
    return held_while_masked(FIRST, mask_function);
}

enum verdict test_msix_retarget(void)
{
    REQUIRE(begin());
    fire(FIRST);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 1, "before the change"));
    mask_entry(FIRST, true);
    msix_program(&msix, FIRST, MSI_ADDRESS(lapic_id()), OTHER_VECTOR);
    mask_entry(FIRST, false);
    fire(FIRST);
    REQUIRE(count_is(OTHER_VECTOR, 1, "after the change"));
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 1, "that is no longer programmed"));
    mask_entry(FIRST, true);
    fire(FIRST);
    interrupts_quiet();
    msix_program(&msix, FIRST, MSI_ADDRESS(lapic_id()), VECTOR_MSIX + FIRST);
    mask_entry(FIRST, false);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 2, "after a change with one pending"));
    return count_is(OTHER_VECTOR, 1, "after it was changed back");
}

enum verdict test_msi_blocked(void)
{
    REQUIRE(begin());
    mask_entry(FIRST, true);
    msix_program(&msix, FIRST, MSI_ADDRESS(NO_SUCH_PROCESSOR), VECTOR_MSIX + FIRST);
    mask_entry(FIRST, false);
    fire(FIRST);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 0, "sent to a processor that does not exist"));

    // The SDM (vol. 3, 11.5.2) makes vectors below 16 an error of the local APIC. QEMU's emulated one delivers them.
    interrupt_handle(RESERVED_VECTOR, clear_causes, NULL);
    mask_entry(FIRST, true);
    msix_program(&msix, FIRST, MSI_ADDRESS(lapic_id()), RESERVED_VECTOR);
    mask_entry(FIRST, false);
    clear_causes(NULL);
    fire(FIRST);
    interrupts_quiet();
    interrupt_ignore(RESERVED_VECTOR);
    uint64_t reserved = interrupts_on_vector(RESERVED_VECTOR);

    mask_entry(FIRST, true);
    msix_program(&msix, FIRST, MSI_ADDRESS(lapic_id()), VECTOR_MSIX + FIRST);
    clear_causes(NULL);
    mask_entry(FIRST, false);
    fire(FIRST);
    REQUIRE(count_is(VECTOR_MSIX + FIRST, 1, "after two that were blocked"));
    return reserved ? claim_holds("(the local APIC let vector %u through)", RESERVED_VECTOR) : CLAIM_HOLDS;
}
