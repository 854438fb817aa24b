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
enum { TRAMPOLINE = 0x8000, PROCESSOR_LIMIT = 1024, XAPIC_LIMIT = 255 };

const char guest_name_text[] = "smp";

extern const char trampoline_begin[], trampoline_end[];

static bool uses_x2apic;
static volatile uint32_t started;
static volatile uint32_t times_started[PROCESSOR_LIMIT];
// What CPUID said: leaf 1's eight bits, leaf 0xb's 32.
static volatile uint8_t short_ids[PROCESSOR_LIMIT];
static volatile uint32_t full_ids[PROCESSOR_LIMIT];

static void cpuid(uint32_t leaf, uint32_t registers[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                     : "a"(leaf), "c"(0));
}

// Runs on each processor.
void processor_start(uint32_t index)
{
    (void)index;
    if (uses_x2apic)
        lapic_use_x2apic();
    uint32_t id = lapic_id(), registers[4];
    if (id >= PROCESSOR_LIMIT)
        return;
    cpuid(1, registers);
    short_ids[id] = (uint8_t)(registers[1] >> 24);
    cpuid(0xb, registers);
    full_ids[id] = registers[3];
    __atomic_fetch_add(&times_started[id], 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
}

static bool is_started(void *context) { return times_started[*(uint32_t *)context] != 0; }

static void start(uint32_t id)
{
    lapic_send_init(id);
    clock_sleep(AFTER_INIT);
    lapic_send_startup(id, TRAMPOLINE >> 12);
    if (!clock_wait(is_started, &id, AFTER_STARTUP))
        lapic_send_startup(id, TRAMPOLINE >> 12);
}

static bool report(uint32_t id, uint64_t deadline)
{
    uint64_t now = clock_now();
    if (!clock_wait(is_started, &id, now < deadline ? deadline - now : 0))
        say("cpu %u did not start in %u s", id, ARRIVAL_LIMIT / 1000000);
    else if (times_started[id] != 1)
        say("cpu %u started %u times", id, times_started[id]);
    else if (short_ids[id] != (uint8_t)id)
        say("cpu %u: CPUID leaf 1 says APIC id %u", id, short_ids[id]);
    else if (full_ids[id] != id)
        say("cpu %u: CPUID leaf 0xb says APIC id %u", id, full_ids[id]);
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
    // 255 is the broadcast where ids have eight bits.
    uses_x2apic = count > XAPIC_LIMIT || argument_is("mode", "x2apic");
    if (uses_x2apic)
        lapic_use_x2apic();
    say("cpus=%lu, %s mode", count, uses_x2apic ? "x2APIC" : "xAPIC");
    clock_start();
    memcpy((void *)TRAMPOLINE, trampoline_begin, (size_t)(trampoline_end - trampoline_begin));
    uint32_t own = lapic_id();
    processor_start(0);
    for (uint32_t id = 0; id < count; id++)
        if (id != own)
            start(id);
    uint64_t up = 0, deadline = clock_now() + ARRIVAL_LIMIT;
    for (uint32_t id = 0; id < count; id++)
        up += report(id, deadline);
    bool passed = up == count && started == count;
    if (up == count && started != count)
        say("%u processors started instead of %lu", started, count);
    say("%lu/%lu %s", up, count, passed ? "PASS" : "FAIL");
    return passed ? EXIT_PASS : EXIT_FAIL;
}
