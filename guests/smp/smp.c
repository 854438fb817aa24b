// Starts the processors it is told of by INIT and start-up interrupt; each reports its APIC id.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "lapic.h"

// Intel SDM vol. 3, 9.4.4: INIT, 10 ms, start-up; a second start-up where the first one was missed.
enum { AFTER_INIT = 10000, AFTER_STARTUP = 10000, ARRIVAL_LIMIT = 10000000 };
enum { TRAMPOLINE = 0x8000, PROCESSOR_LIMIT = 255 };

const char guest_name_text[] = "smp";

extern const char trampoline_begin[], trampoline_end[];

static volatile uint32_t started;
static volatile uint32_t times_started[256];
static volatile uint8_t cpuid_ids[256];

static uint8_t initial_apic_id(void)
{
    uint32_t eax = 1, ebx, ecx, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return (uint8_t)(ebx >> 24);
}

// Runs on each processor.
void processor_start(uint32_t index)
{
    (void)index;
    uint8_t id = lapic_id();
    cpuid_ids[id] = initial_apic_id();
    __atomic_fetch_add(&times_started[id], 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
}

static bool is_started(void *context) { return times_started[*(uint8_t *)context] != 0; }

static void start(uint8_t id)
{
    lapic_send_init(id);
    clock_sleep(AFTER_INIT);
    lapic_send_startup(id, TRAMPOLINE >> 12);
    if (!clock_wait(is_started, &id, AFTER_STARTUP))
        lapic_send_startup(id, TRAMPOLINE >> 12);
}

static bool report(uint8_t id, uint64_t deadline)
{
    uint64_t now = clock_now();
    if (!clock_wait(is_started, &id, now < deadline ? deadline - now : 0))
        say("cpu %u did not start in %u s", id, ARRIVAL_LIMIT / 1000000);
    else if (times_started[id] != 1)
        say("cpu %u started %u times", id, times_started[id]);
    else if (cpuid_ids[id] != id)
        say("cpu %u: CPUID leaf 1 says APIC id %u", id, cpuid_ids[id]);
    else {
        say("cpu %u up", id);
        return true;
    }
    return false;
}

uint8_t guest_main(void)
{
    uint64_t count = argument_number("cpus", 1);
    if (count < 1 || count > PROCESSOR_LIMIT) {
        say("cpus=%lu is not between 1 and %u", count, PROCESSOR_LIMIT);
        return EXIT_BAD_ARGUMENT;
    }
    say("cpus=%lu", count);
    clock_start();
    memcpy((void *)TRAMPOLINE, trampoline_begin, (size_t)(trampoline_end - trampoline_begin));
    uint8_t own = lapic_id();
    processor_start(0);
    for (uint64_t id = 0; id < count; id++)
        if (id != own)
            start((uint8_t)id);
    uint64_t up = 0, deadline = clock_now() + ARRIVAL_LIMIT;
    for (uint64_t id = 0; id < count; id++)
        up += report((uint8_t)id, deadline);
    bool passed = up == count && started == count;
    if (up == count && started != count)
        say("%u processors started instead of %lu", started, count);
    say("%lu/%lu %s", up, count, passed ? "PASS" : "FAIL");
    return passed ? EXIT_PASS : EXIT_FAIL;
}
