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

struct source edu_source = {.name = "edu"}, nic_source = {.name = "e1000e"},
              test_source = {.name = "the test function"}, second_test_source = {.name = "the second test function"};
struct source *const sources[SOURCE_COUNT] = {&edu_source, &nic_source, &test_source, &second_test_source};
struct source *line;
struct test_function test, second_test;
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

static unsigned first_on_pin(unsigned index)
{
    for (unsigned i = 0; i < index; i++)
        if (sources[i]->present && sources[i]->pin == sources[index]->pin)
            return i;
    return index;
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
    if (test_function_open(&test, 0)) {
        test_source.function = test.function;
        test_source.present = pin_is_usable(&test_source);
    }
    if (test_function_open(&second_test, 1)) {
        second_test_source.function = second_test.function;
        second_test_source.present = pin_is_usable(&second_test_source);
    }
    // Sources on one pin share a vector: that of the first of them.
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        sources[i]->vector = (uint8_t)(VECTOR_LINE + first_on_pin(i));
    line = &nic_source;
    for (unsigned i = SOURCE_COUNT; i-- > 0;)
        if (sources[i]->present)
            line = sources[i];
    if (argument_is("device", "edu"))
        line = &edu_source;
    if (argument_is("device", "e1000e"))
        line = &nic_source;
    if (argument_is("device", "test"))
        line = &test_source;
}

static const struct test_function *test_function_of(const struct source *source)
{
    return source == &test_source ? &test : source == &second_test_source ? &second_test : NULL;
}

void source_raise(const struct source *source)
{
    if (test_function_of(source))
        test_function_write(test_function_of(source), TEST_FUNCTION_RAISE, 1);
    else if (source == &edu_source)
        edu_write(&edu, EDU_INTERRUPT_RAISE, 1);
    else
        e1000_write(&nic, E1000_ICS, E1000_CAUSE_RXT0);
}

void source_acknowledge(const struct source *source)
{
    if (test_function_of(source))
        test_function_write(test_function_of(source), TEST_FUNCTION_ACKNOWLEDGE, 0xffffffff);
    else if (source == &edu_source)
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
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        if (sources[i]->present && sources[i]->vector == first->vector)
            source_acknowledge(sources[i]);
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
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        if (sources[i]->present)
            ioapic_mask(sources[i]->pin);
    if (nic_source.present)
        e1000_write(&nic, E1000_IMC, 0xffffffff);
    for (unsigned i = 0; i < SOURCE_COUNT; i++) {
        struct msix msix;
        if (sources[i]->present && msix_find(sources[i]->function, &msix))
            msix_control(&msix, false, false);
    }
    if (nic_source.present)
        e1000_write(&nic, E1000_IMS, E1000_CAUSE_RXT0);
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        reset(sources[i]);
    interrupts_on();
    interrupts_quiet();
    line_hold = 0;
    interrupt_unexpected = 0;
    for (unsigned i = 0; i < SOURCE_COUNT; i++) {
        struct source *source = sources[i];
        if (!source->present)
            continue;
        interrupt_handle(source->vector, handle_line, source);
        ioapic_route(source->pin, source->vector, IOAPIC_LEVEL, lapic_id());
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
