// Writes half a line and is never heard of again.
#include "boot.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "stops";

uint8_t guest_main(void)
{
    say("1 of 2 tests passed");
    console_print("stops: test 2 is run");
    hang();
}
