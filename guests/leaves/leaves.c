// Ends well before it has done what it set out to do: only who waits for the missing line can tell.
#include "arguments.h"
#include "boot.h"
#include "console.h"

const char guest_name_text[] = "leaves";

uint8_t guest_main(void)
{
    uint64_t done = argument_number("done", 1);
    for (uint64_t test = 1; test <= 3 && test <= done; test++)
        say("test %lu of 3: ok", test);
    return 0;
}
