// Writes to the console for as long as it may, and never in silence: lines, or one line without an end.
#include "arguments.h"
#include "boot.h"
#include "console.h"

const char guest_name_text[] = "floods";

uint8_t guest_main(void)
{
    uint64_t wanted = argument_number("lines", 0);
    bool in_one_line = argument_is("style", "one-line");
    for (uint64_t line = 0; wanted == 0 || line < wanted; line++) {
        if (in_one_line)
            console_print("%lu ", line);
        else
            say("line %lu of a flood that nobody asked for and that a console has to take all the same", line);
    }
    say("%lu lines written", wanted);
    return 0;
}
