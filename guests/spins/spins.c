// Runs in one place for ever, and says nothing any more.
#include "boot.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "spins";

uint8_t guest_main(void)
{
    say("test 1 of 2: ok");
    spin();
}
