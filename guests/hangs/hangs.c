// Halts with interrupts off: only an NMI or a reset could wake it.
#include "boot.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "hangs";

uint8_t guest_main(void)
{
    say("test 1 of 2: ok");
    hang();
}
