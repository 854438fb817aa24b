// Halts with interrupts off: only an NMI or a reset could wake it. With wake=nmi one does: the clock's alarm, in
// `after` seconds.
#include "arguments.h"
#include "boot.h"
#include "cmos.h"
#include "console.h"
#include "ending.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"

enum { NMI = 2, CLOCK_PIN = 8 };

const char guest_name_text[] = "hangs";

static void wake(void *context)
{
    (void)context;
    say("woken");
    exit_with(EXIT_PASS);
}

static void ask_for_nmi(unsigned seconds)
{
    interrupt_handle(NMI, wake, 0);
    // Every hour and minute, at that second.
    unsigned second = (unsigned)((cmos_seconds() + seconds) % 60);
    cmos_write(CMOS_SECOND_ALARM, (uint8_t)((second / 10) << 4 | second % 10));
    cmos_write(CMOS_MINUTE_ALARM, CMOS_ANY);
    cmos_write(CMOS_HOUR_ALARM, CMOS_ANY);
    cmos_write(CMOS_B, cmos_read(CMOS_B) | CMOS_ALARM);
    cmos_read(CMOS_C);
    ioapic_route_nmi(CLOCK_PIN, lapic_id());
}

uint8_t guest_main(void)
{
    say("test 1 of 2: ok");
    interrupts_off();
    if (argument_is("wake", "nmi"))
        ask_for_nmi((unsigned)argument_number("after", 4));
    hang();
}
