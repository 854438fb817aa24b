#include "source.h"

#include <stddef.h>

#include "arguments.h"
#include "clock.h"
#include "console.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "msi.h"

enum { DEFAULT_QUIET = 50, STORM = 500 };

struct source edu_source = {.name = "edu"}, nic_source = {.name = "e1000e"};
struct source *line;
struct edu edu;
struct e1000 nic;
volatile int line_hold;

static uint64_t counts_before[256];

static bool pin_is_usable(struct source *source)
{
    source->pin = pci_read8(source->function, PCI_INTERRUPT_LINE);
    if (source->pin < ioapic_pin_count())
        return true;
    say("%s: the Interrupt Line register reads %u, which is no IOAPIC pin", source->name, source->pin);
    return false;
}

void sources_open(void)
{
    if (edu_open(&edu, 0)) {
        edu_source.function = edu.function;
        edu_source.present = pin_is_usable(&edu_source);
    }
    if (e1000_find(0, &nic) && nic.model == E1000_82574L) {
        const char *problem = e1000_open(&nic);
        if (problem)
            say("e1000e: %s", problem);
        nic_source.function = nic.function;
        nic_source.present = !problem && pin_is_usable(&nic_source);
    }
    edu_source.vector = VECTOR_LINE;
    nic_source.vector = edu_source.present && edu_source.pin == nic_source.pin ? VECTOR_LINE : VECTOR_LINE + 1;
    line = edu_source.present && !argument_is("device", "e1000e") ? &edu_source : &nic_source;
    if (argument_is("device", "edu"))
        line = &edu_source;
}

void source_raise(const struct source *source)
{
    if (source == &edu_source)
        edu_write(&edu, EDU_INTERRUPT_RAISE, 1);
    else
        e1000_write(&nic, E1000_ICS, E1000_CAUSE_RXT0);
}

void source_acknowledge(const struct source *source)
{
    if (source == &edu_source)
        edu_write(&edu, EDU_INTERRUPT_ACKNOWLEDGE, edu_read(&edu, EDU_INTERRUPT_STATUS));
    else
        e1000_read(&nic, E1000_ICR);
}

void source_disable_intx(const struct source *source, bool disable)
{
    pci_command(source->function, disable ? PCI_COMMAND_INTX_DISABLE : 0, disable ? 0 : PCI_COMMAND_INTX_DISABLE);
}

static void handle_line(void *context)
{
    const struct source *first = context;
    // A line that no test expects to be up this long: the pin is masked so that the test can go on and say so.
    if (interrupts_on_vector(first->vector) > STORM)
        ioapic_mask(first->pin);
    if (line_hold != 0) {
        if (line_hold > 0)
            line_hold--;
        return;
    }
    source_acknowledge(first);
    if (first == &edu_source && nic_source.present && nic_source.vector == first->vector)
        source_acknowledge(&nic_source);
}

static void handle_message(void *context) { source_acknowledge(context); }

static void reset(struct source *source)
{
    if (!source->present)
        return;
    msi_disable(source->function);
    source_acknowledge(source);
    pci_command(source->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, PCI_COMMAND_INTX_DISABLE);
}

void sources_reset(void)
{
    ioapic_mask(edu_source.pin);
    ioapic_mask(nic_source.pin);
    if (nic_source.present) {
        struct msix msix;
        e1000_write(&nic, E1000_IMC, 0xffffffff);
        if (msix_find(nic.function, &msix))
            msix_control(&msix, false, false);
        e1000_write(&nic, E1000_IMS, E1000_CAUSE_RXT0);
    }
    reset(&edu_source);
    reset(&nic_source);
    interrupts_on();
    interrupts_quiet();
    line_hold = 0;
    interrupt_unexpected = 0;
    if (nic_source.present) {
        interrupt_handle(nic_source.vector, handle_line, &nic_source);
        ioapic_route(nic_source.pin, nic_source.vector, IOAPIC_LEVEL, lapic_id());
    }
    if (edu_source.present) {
        interrupt_handle(edu_source.vector, handle_line, &edu_source);
        ioapic_route(edu_source.pin, edu_source.vector, IOAPIC_LEVEL, lapic_id());
    }
    if (line->present)
        interrupt_handle(VECTOR_MSI, handle_message, line);
    for (unsigned i = 0; i < 256; i++)
        counts_before[i] = interrupt_counts[i];
}

uint64_t interrupts_on_vector(uint8_t vector) { return interrupt_counts[vector] - counts_before[vector]; }

struct target {
    uint8_t vector;
    uint64_t count;
};

static bool is_reached(void *context)
{
    const struct target *target = context;
    return interrupts_on_vector(target->vector) >= target->count;
}

bool interrupts_reach(uint8_t vector, uint64_t count)
{
    struct target target = {vector, count};
    return clock_wait(is_reached, &target, ARRIVAL_LIMIT);
}

void interrupts_quiet(void) { clock_sleep(argument_number("quiet", DEFAULT_QUIET) * 1000); }
