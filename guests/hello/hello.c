// One line, then the end: the smallest thing a boot can be judged by.
#include "arguments.h"
#include "boot.h"
#include "console.h"
#include "lapic.h"

const char guest_name_text[] = "hello";

uint8_t guest_main(void)
{
    say("cpu %u, %lu KiB, cmdline \"%s\"", lapic_id(), boot.ram_kib, boot.command_line);
    return (uint8_t)argument_number("exit", 0);
}
