// Ends at once with the value it is told.
#include "arguments.h"
#include "boot.h"
#include "console.h"

const char guest_name_text[] = "returns";

uint8_t guest_main(void)
{
    uint64_t value = argument_number("value", 0);
    say("%lu", value);
    return (uint8_t)value;
}
