#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "msi.h"
#include "source.h"
#include "tests.h"

enum { COMMAND_BITS = 0x7ff };

#define NEED_LINE()         \
    if (!line->present)     \
    return claim_skipped("no %s", line->name)

// An interrupt was raised: it has to come, and only once.
static enum verdict arrives_once(uint8_t vector, uint64_t count, const char *when)
{
    if (!interrupts_reach(vector, count))
        return claim_fails("no interrupt %s", when);
    interrupts_quiet();
    if (interrupts_on_vector(vector) != count)
        return claim_fails("%lu interrupts too many %s", interrupts_on_vector(vector) - count, when);
    return CLAIM_HOLDS;
}

// What was raised must not come.
static enum verdict stays(uint8_t vector, uint64_t count, const char *when)
{
    interrupts_quiet();
    if (interrupts_on_vector(vector) != count)
        return claim_fails("%lu interrupts %s", interrupts_on_vector(vector) - count, when);
    return CLAIM_HOLDS;
}

#define REQUIRE(verdict)           \
    do {                           \
        if ((verdict) != CLAIM_HOLDS) \
            return CLAIM_FAILS;    \
    } while (0)

enum verdict test_enabled(void)
{
    NEED_LINE();
    for (uint64_t i = 1; i <= 3; i++) {
        source_raise(line);
        REQUIRE(arrives_once(line->vector, i, "while enabled"));
    }
    return CLAIM_HOLDS;
}

static enum verdict command_reads(uint16_t expected)
{
    uint16_t command = pci_read16(line->function, PCI_COMMAND) & COMMAND_BITS;
    if (command != expected)
        return claim_fails("COMMAND reads 0x%x after 0x%x was written", command, expected);
    return CLAIM_HOLDS;
}

enum verdict test_disabled(void)
{
    static const uint16_t commands[] = {
        PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE,
        PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE,
    };
    NEED_LINE();
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        pci_write16(line->function, PCI_COMMAND, commands[i]);
        REQUIRE(command_reads(commands[i]));
    }
    source_raise(line);
    REQUIRE(stays(line->vector, 0, "while INTx-disable is set"));
    REQUIRE(command_reads(commands[1]));
    source_acknowledge(line);
    source_disable_intx(line, false);
    REQUIRE(stays(line->vector, 0, "after one that was acknowledged while disabled"));
    REQUIRE(command_reads(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
    source_raise(line);
    return arrives_once(line->vector, 1, "after INTx-disable was cleared");
}

// PCI Local Bus 3.0, 6.2.3: the Interrupt Status bit shows the device's state whatever INTx-disable says.
enum verdict test_status_bit(void)
{
    NEED_LINE();
    source_disable_intx(line, true);
    if (pci_read16(line->function, PCI_STATUS) & PCI_STATUS_INTERRUPT)
        return claim_fails("Interrupt Status is set with nothing raised");
    source_raise(line);
    if (!(pci_read16(line->function, PCI_STATUS) & PCI_STATUS_INTERRUPT))
        return claim_fails("Interrupt Status is clear with the interrupt raised");
    source_acknowledge(line);
    if (pci_read16(line->function, PCI_STATUS) & PCI_STATUS_INTERRUPT)
        return claim_fails("Interrupt Status is set after the acknowledgement");
    return CLAIM_HOLDS;
}

enum verdict test_pending(void)
{
    NEED_LINE();
    source_disable_intx(line, true);
    source_raise(line);
    REQUIRE(stays(line->vector, 0, "while INTx-disable is set"));
    source_disable_intx(line, false);
    return arrives_once(line->vector, 1, "after INTx-disable was cleared on a raised line");
}

enum verdict test_msi_and_back(void)
{
    NEED_LINE();
    if (!msi_enable(line->function, MSI_ADDRESS(lapic_id()), VECTOR_MSI))
        return claim_skipped("%s has no MSI capability", line->name);
    source_disable_intx(line, true);
    source_raise(line);
    REQUIRE(arrives_once(VECTOR_MSI, 1, "by MSI with INTx-disable set"));
    REQUIRE(stays(line->vector, 0, "by INTx while MSI is enabled"));
    source_disable_intx(line, false);
    source_raise(line);
    REQUIRE(arrives_once(VECTOR_MSI, 2, "by MSI with INTx-disable clear"));
    REQUIRE(stays(line->vector, 0, "by INTx while MSI is enabled and INTx-disable clear"));
    source_disable_intx(line, true);
    msi_disable(line->function);
    REQUIRE(stays(line->vector, 0, "from going back to INTx"));
    source_raise(line);
    REQUIRE(stays(line->vector, 0, "back in INTx mode with INTx-disable set"));
    REQUIRE(stays(VECTOR_MSI, 2, "by MSI after it was disabled"));
    source_disable_intx(line, false);
    REQUIRE(arrives_once(line->vector, 1, "back in INTx mode after INTx-disable was cleared"));
    source_raise(line);
    return arrives_once(line->vector, 2, "for the second one back in INTx mode");
}

enum verdict test_level_held(void)
{
    enum { HELD = 4 };
    NEED_LINE();
    line_hold = HELD;
    source_raise(line);
    if (!interrupts_reach(line->vector, HELD + 1))
        return claim_fails("%lu interrupts instead of %u while the line was held", interrupts_on_vector(line->vector),
                           HELD + 1);
    return stays(line->vector, HELD + 1, "after the acknowledgement");
}

// The line is up at the IOAPIC when the device is told to let go of it. The IOAPIC's own mask keeps the interrupt
// there: a processor with interrupts off would already have it in its local APIC, where no one can take it back.
enum verdict test_masked_while_asserted(void)
{
    NEED_LINE();
    ioapic_mask(line->pin);
    source_raise(line);
    interrupts_quiet();
    source_disable_intx(line, true);
    interrupts_quiet();
    ioapic_route(line->pin, line->vector, IOAPIC_LEVEL, lapic_id());
    REQUIRE(stays(line->vector, 0, "after INTx-disable was set on a raised line"));
    source_disable_intx(line, false);
    return arrives_once(line->vector, 1, "after INTx-disable was cleared again");
}

// The processor has interrupts off: the one on its way may still come, but once.
enum verdict test_disabled_in_flight(void)
{
    NEED_LINE();
    line_hold = -1;
    interrupts_off();
    source_raise(line);
    source_disable_intx(line, true);
    interrupts_on();
    interrupts_quiet();
    uint64_t late = interrupts_on_vector(line->vector);
    if (late > 1)
        return claim_fails("%lu interrupts with INTx-disable set before interrupts were on", late);
    line_hold = 0;
    source_disable_intx(line, false);
    REQUIRE(arrives_once(line->vector, late + 1, "after INTx-disable was cleared again"));
    return claim_holds("(%lu was on its way)", late);
}
