// Takes an exception that nothing can handle: a triple fault.
#include "boot.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "faults";

uint8_t guest_main(void)
{
    say("test 1 of 2: ok");
    end_by_triple_fault();
    return EXIT_NOT_ENDED;
}
