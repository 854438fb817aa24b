#include "clock.h"

#include <stddef.h>

#include "console.h"
#include "ending.h"
#include "interrupts.h"
#include "lapic.h"
#include "legacy_pic.h"
#include "port.h"

// Intel 8254 datasheet. Channel 0 counts down once from the top; nobody listens to its output.
enum { PIT_CHANNEL_0 = 0x40, PIT_CONTROL = 0x43, MODE_0_BOTH_BYTES = 0x30, LATCH_CHANNEL_0 = 0x00, PIT_RATE = 1193182 };
enum { MEASURED_COUNTS = PIT_RATE / 100, READ_LIMIT = 200000 };
enum {
    TICK_MICROSECONDS = 10000, TICK_MEASURED_MICROSECONDS = 2000, TICK_TOP = 0xffffffff, FIRST_TICK_LIMIT = 2000000,
};

static uint64_t rate;       // kHz
static uint64_t origin;

static uint64_t counter(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static unsigned pit_count(void)
{
    port_write8(PIT_CONTROL, LATCH_CHANNEL_0);
    unsigned low = port_read8(PIT_CHANNEL_0);
    return low | (unsigned)port_read8(PIT_CHANNEL_0) << 8;
}

// Counts down some thousandths of a second and returns how many counts and `cycles` that took; 0 where the count went
// through zero.
static unsigned count_down(uint64_t *cycles, unsigned *reads)
{
    port_write8(PIT_CONTROL, MODE_0_BOTH_BYTES);
    port_write8(PIT_CHANNEL_0, 0xff);
    port_write8(PIT_CHANNEL_0, 0xff);
    // The first counts after loading may still be the old ones: begin at a count that is seen to move.
    unsigned first = pit_count(), start = first;
    while (start == first && (*reads)++ < READ_LIMIT)
        start = pit_count();
    uint64_t begin = counter();
    unsigned now = start;
    while (start - now < MEASURED_COUNTS && now <= start && (*reads)++ < READ_LIMIT)
        now = pit_count();
    *cycles = counter() - begin;
    return now < start ? start - now : 0;
}

static void measure_rate(void)
{
    unsigned counts, reads = 0;
    uint64_t cycles;
    // A hypervisor's host may be so busy that the 55 ms from the top to zero are over between two reads: then once
    // more.
    do
        counts = count_down(&cycles, &reads);
    while (!counts && reads < READ_LIMIT);
    if (!counts || cycles < 1000) {
        say("channel 0 of the PIT does not count (%u after %u reads)", pit_count(), reads);
        exit_with(EXIT_NO_CLOCK);
    }
    rate = cycles * PIT_RATE / counts / 1000;
}

static void start_tick(void)
{
    lapic_timer_start(TICK_TOP);
    uint64_t begin = clock_now();
    clock_spin(TICK_MEASURED_MICROSECONDS);
    uint64_t counted = TICK_TOP - lapic_timer_count();
    uint64_t elapsed = clock_now() - begin;
    if (counted == 0) {
        say("the local APIC timer does not count");
        exit_with(EXIT_NO_CLOCK);
    }
    lapic_timer_start((uint32_t)(counted * TICK_MICROSECONDS / elapsed) + 1);
}

static void ignore_tick(void *context) { (void)context; }

void clock_start(void)
{
    legacy_pic_mask();
    lapic_start();
    measure_rate();
    origin = counter();
    interrupt_handle(VECTOR_TICK, ignore_tick, NULL);
    start_tick();
    interrupts_on();
    uint64_t end = clock_now() + FIRST_TICK_LIMIT;
    while (interrupt_counts[VECTOR_TICK] == 0 && clock_now() < end)
        __asm__ volatile("pause");
    if (interrupt_counts[VECTOR_TICK] == 0) {
        say("the local APIC timer counts, but its interrupt did not come in 2 s");
        exit_with(EXIT_NO_CLOCK);
    }
}

uint64_t clock_now(void) { return (counter() - origin) * 1000 / rate; }

uint64_t clock_counter(uint64_t microseconds) { return origin + microseconds * rate / 1000; }

uint64_t clock_rate(void) { return rate; }

void clock_spin(uint64_t microseconds)
{
    uint64_t end = clock_now() + microseconds;
    while (clock_now() < end)
        __asm__ volatile("pause");
}

bool clock_wait(bool (*condition)(void *context), void *context, uint64_t microseconds)
{
    bool were_on = interrupts_are_on();
    uint64_t end = clock_now() + microseconds;
    bool holds;
    interrupts_off();
    while (!(holds = condition(context)) && clock_now() < end)
        // Interrupts stay off until after the hlt has begun, so that none slips in between the check and the sleep.
        __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
    if (were_on)
        interrupts_on();
    return holds;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void clock_sleep(uint64_t microseconds)
{
    clock_wait(never, NULL, microseconds);
}
