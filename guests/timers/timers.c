// Two timers that go on and on: the local APIC's in TSC-deadline mode, set anew by each of its interrupts, and the
// PIT's periodic one by the I/O APIC. Each interrupt checks that the other timer's did not stay away: a machine that
// lost one on its way through a copy of its state fails.
#include "arguments.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "port.h"

const char guest_name_text[] = "timers";

// Intel 8254 datasheet: channel 0, mode 2, both bytes.
enum { PIT_CHANNEL_0 = 0x40, PIT_CONTROL = 0x43, RATE_GENERATOR = 0x34, PIT_RATE = 1193182, TICKS_A_SECOND = 200 };
// The MADT's override leads the PIT's IRQ 0 to the second input.
enum { PIT_PIN = 2, TICK = VECTOR_DEVICES, DEADLINE = VECTOR_DEVICES + 0x10 };
enum { PERIOD = 2000, STAYS_AWAY = 2000000 };       // microseconds

// By the clock, in microseconds.
static volatile uint64_t due, last_tick;
static volatile bool is_over;

static void tick(void *context)
{
    (void)context;
    last_tick = clock_now();
}

static void set_deadline(void)
{
    due = clock_now() + PERIOD;
    lapic_set_deadline(clock_counter(due));
}

static void deadline(void *context)
{
    (void)context;
    if (!is_over)
        set_deadline();
}

static const char *run(uint64_t count)
{
    while (interrupt_counts[DEADLINE] < count) {
        __asm__ volatile("hlt");
        interrupts_off();
        uint64_t now = clock_now(), late = now > due ? now - due : 0, quiet = now > last_tick ? now - last_tick : 0;
        interrupts_on();
        if (late > STAYS_AWAY)
            return "the TSC deadline passed and its interrupt stays away";
        if (quiet > STAYS_AWAY)
            return "the PIT's interrupt stays away";
    }
    return NULL;
}

uint8_t guest_main(void)
{
    uint64_t count = argument_number("deadlines", 500);
    clock_start();
    if (!lapic_has_deadline()) {
        say("the processor has no TSC deadline");
        return EXIT_NO_CLOCK;
    }
    interrupts_off();
    lapic_timer_start(0);
    interrupt_handle(TICK, tick, NULL);
    interrupt_handle(DEADLINE, deadline, NULL);
    port_write8(PIT_CONTROL, RATE_GENERATOR);
    port_write8(PIT_CHANNEL_0, (PIT_RATE / TICKS_A_SECOND) & 0xff);
    port_write8(PIT_CHANNEL_0, (PIT_RATE / TICKS_A_SECOND) >> 8);
    ioapic_route(PIT_PIN, TICK, IOAPIC_EDGE, (uint8_t)lapic_id());
    last_tick = clock_now();
    lapic_use_deadline(DEADLINE);
    set_deadline();
    say("started");
    interrupts_on();
    const char *problem = run(count);
    is_over = true;
    ioapic_mask(PIT_PIN);
    if (!problem && interrupt_unexpected)
        problem = "an interrupt came on a vector that nothing uses";
    say("%lu deadlines, %lu ticks %s%s", interrupt_counts[DEADLINE], interrupt_counts[TICK], problem ? "FAIL " : "PASS",
        problem ? problem : "");
    return problem ? EXIT_FAIL : EXIT_PASS;
}
