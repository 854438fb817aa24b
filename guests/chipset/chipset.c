// What the board's small devices answer: clock, keyboard controller, system control, POST port.
#include "arguments.h"
#include "boot.h"
#include "claims.h"
#include "clock.h"
#include "cmos.h"
#include "console.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "port.h"

const char guest_name_text[] = "chipset";

#define MEBIBYTE 1048576ull
#define LOW_LIMIT 0xc0000000ull
enum { ANSWER_LIMIT = 16, CLOCK_PIN = 8, CLOCK_VECTOR = VECTOR_DEVICES };

// MARK: keyboard controller

enum { DATA = 0x60, COMMAND = 0x64, HAS_OUTPUT = 0x01, HAS_INPUT = 0x02, TIMED_OUT = 0x40 };

// What a command gives, -1 where nothing comes in so few reads that a real controller would not have looked yet.
static int ask(uint8_t command)
{
    port_write8(COMMAND, command);
    for (unsigned i = 0; i < ANSWER_LIMIT; i++)
        if (port_read8(COMMAND) & HAS_OUTPUT)
            return port_read8(DATA);
    return -1;
}

#define EXPECT(value, wanted, what)                                            \
    do {                                                                       \
        int is = (value);                                                      \
        if (is != (wanted))                                                    \
            return claim_fails("%s is 0x%x, not 0x%x", what, is, (wanted));    \
    } while (0)

static enum verdict check_keyboard(void)
{
    EXPECT(port_read8(COMMAND) & (HAS_OUTPUT | HAS_INPUT), 0, "the status at first");
    EXPECT(ask(0xaa), 0x55, "the self-test");
    EXPECT(port_read8(COMMAND) & 0x04, 0x04, "the system flag after it");
    port_write8(COMMAND, 0x60);
    port_write8(DATA, 0x74);
    EXPECT(ask(0x20), 0x74, "the command byte");
    port_write8(COMMAND, 0xae);
    EXPECT(ask(0x20), 0x64, "the command byte with the keyboard enabled");
    port_write8(COMMAND, 0xad);
    EXPECT(ask(0x20), 0x74, "the command byte with the keyboard disabled");
    port_write8(DATA, 0xff);
    EXPECT(port_read8(COMMAND) & (HAS_OUTPUT | TIMED_OUT), HAS_OUTPUT | TIMED_OUT,
           "the status after a byte to the absent keyboard");
    EXPECT(port_read8(DATA), 0xfe, "the absent keyboard's answer");
    EXPECT(port_read8(COMMAND) & HAS_OUTPUT, 0, "the status after the answer was read");
    return CLAIM_HOLDS;
}

static enum verdict check_a20(void)
{
    EXPECT(ask(0xd0) & 0x03, 0x03, "the output port");
    port_write8(COMMAND, 0xdd);
    EXPECT(ask(0xd0) & 0x03, 0x01, "the output port with A20 off");
    port_write8(COMMAND, 0xd1);
    port_write8(DATA, 0xdf);
    EXPECT(ask(0xd0) & 0x03, 0x03, "the output port as it was written");
    EXPECT(port_read8(0x92) & 0x03, 0x02, "system control A");
    // Open whatever was written: the first megabyte does not appear again above.
    volatile uint32_t *low = (volatile uint32_t *)0x1000, *high = (volatile uint32_t *)0x101000;
    uint32_t before = *high;
    *low = ~before;
    EXPECT(*high == before, 1, "the megabyte above as it was");
    return CLAIM_HOLDS;
}

// MARK: clock

static enum verdict check_memory_size(void)
{
    uint64_t low = boot.ram_end < LOW_LIMIT ? boot.ram_end : LOW_LIMIT;
    uint64_t kib = (low - MEBIBYTE) >> 10;
    if (kib > 0xffff)
        kib = 0xffff;
    EXPECT(cmos_read(0x15) | cmos_read(0x16) << 8, 640, "the base memory in KiB");
    EXPECT(cmos_read(0x30) | cmos_read(0x31) << 8, (int)kib, "the extended memory in KiB");
    if (low >= 16 * MEBIBYTE)
        EXPECT(cmos_read(0x34) | cmos_read(0x35) << 8, (int)((low - 16 * MEBIBYTE) >> 16),
               "the memory above 16 MiB in 64 KiB");
    uint64_t high = (argument_number("high", 0) * MEBIBYTE) >> 16;
    EXPECT(cmos_read(0x5b) | cmos_read(0x5c) << 8 | cmos_read(0x5d) << 16, (int)high,
           "the memory above 4 GiB in 64 KiB");
    return CLAIM_HOLDS;
}

static bool has_flag(void *context) { return cmos_read(CMOS_C) & *(uint8_t *)context; }

static enum verdict check_clock_runs(void)
{
    EXPECT(cmos_read(CMOS_D), CMOS_VALID, "register D");
    uint64_t wanted = argument_number("now", 0), now = cmos_seconds();
    if (wanted && (now + 5 < wanted || now > wanted + 60))
        return claim_fails("it is %lu, not %lu", now, wanted);
    cmos_read(CMOS_C);
    uint8_t flag = CMOS_UPDATE_ENDED;
    uint64_t begin = clock_now();
    if (!clock_wait(has_flag, &flag, 2000000) || !clock_wait(has_flag, &flag, 2000000))
        return claim_fails("no update ended in two seconds");
    uint64_t passed = cmos_seconds() - now;
    if (passed < 1 || passed > 5)
        return claim_fails("%lu s went by in %lu us", passed, clock_now() - begin);
    return CLAIM_HOLDS;
}

static volatile unsigned ticks;

static void take_tick(void *context)
{
    (void)context;
    ticks += (cmos_read(CMOS_C) & 0xc0) == 0xc0;
}

static bool has_ticks(void *context) { return ticks >= *(unsigned *)context; }

static enum verdict check_periodic_interrupt(void)
{
    unsigned wanted = 8;
    interrupt_handle(CLOCK_VECTOR, take_tick, 0);
    ioapic_route(CLOCK_PIN, CLOCK_VECTOR, IOAPIC_EDGE, (uint8_t)lapic_id());
    cmos_read(CMOS_C);
    cmos_write(CMOS_A, 0x2b);                   // 32 Hz
    cmos_write(CMOS_B, 0x02 | CMOS_PERIODIC);
    uint64_t begin = clock_now();
    bool came = clock_wait(has_ticks, &wanted, 10000000);
    uint64_t passed = clock_now() - begin;
    cmos_write(CMOS_B, 0x02);
    cmos_read(CMOS_C);
    unsigned seen = ticks;
    clock_sleep(100000);
    ioapic_mask(CLOCK_PIN);
    interrupt_ignore(CLOCK_VECTOR);
    if (!came)
        return claim_fails("%u interrupts came in 10 s", seen);
    if (ticks != seen)
        return claim_fails("%u more came after it was switched off", ticks - seen);
    // Seven periods of 31.25 ms, 218.75 ms, at the least. Twice the rate would be 109 ms; the guest's own clock, which
    // it sets by the PIT when it starts, is some percent off on a busy host.
    if (passed < 160000)
        return claim_fails("%u came in %lu us", wanted, passed);
    return CLAIM_HOLDS;
}

// MARK: POST

static enum verdict check_post(void)
{
    port_write8(0x80, (uint8_t)argument_number("post", 0xa5));
    EXPECT(port_read8(0x80), (int)argument_number("post", 0xa5), "the POST port");
    return CLAIM_HOLDS;
}

static const struct claim claims[] = {
    {"keyboard", check_keyboard, false},
    {"a20", check_a20, false},
    {"memory-size", check_memory_size, false},
    {"clock-runs", check_clock_runs, false},
    {"periodic-interrupt", check_periodic_interrupt, false},
    {"post", check_post, false},
};

uint8_t guest_main(void)
{
    clock_start();
    return claims_run(claims, sizeof claims / sizeof claims[0], 0);
}
