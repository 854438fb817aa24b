// Waits with interrupts on for one that never comes: because there is none, or because the PIC that has it masks it.
#include "arguments.h"
#include "boot.h"
#include "console.h"
#include "interrupts.h"
#include "port.h"

// Intel 8254 datasheet: channel 0, both bytes, mode 2 (a rate).
enum { PIT_CHANNEL_0 = 0x40, PIT_CONTROL = 0x43, RATE = 0x34 };

const char guest_name_text[] = "halts";

uint8_t guest_main(void)
{
    interrupts_off();
    if (argument_is("irq", "masked")) {
        port_write8(PIT_CONTROL, RATE);
        port_write8(PIT_CHANNEL_0, 0);
        port_write8(PIT_CHANNEL_0, 0);
    }
    say("waiting");
    interrupts_on();
    for (;;)
        __asm__ volatile("hlt");
}
