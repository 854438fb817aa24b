// Resets itself, each time it is started: a boot loop.
#include "boot.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "loops";

uint8_t guest_main(void)
{
    say("once more");
    end_by_reset();
    // The reset may be served by another thread of the VMM a moment later.
    for (unsigned pause = 0; pause < 100000; pause++)
        __asm__ volatile("pause");
    return EXIT_NOT_ENDED;
}
