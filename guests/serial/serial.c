// The serial port's receiver, polled, with the FIFOs on: what its reset takes, and how much it holds.
#include <stdbool.h>

#include "arguments.h"
#include "boot.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "port.h"

enum { FIFO_CONTROL = COM1 + 2, LINE_STATUS = COM1 + 5 };
enum { FIFOS_ON = 0x01, RESET_BOTH = 0x07, HAS_DATA = 0x01 };
enum { LINE_SIZE = 256, MANY = 60, WAIT = 50000, TIMEOUT = 30000000 };

const char guest_name_text[] = "serial";

static bool await_data(void)
{
    for (uint64_t end = clock_now() + TIMEOUT; clock_now() < end;)
        if (port_read8(LINE_STATUS) & HAS_DATA)
            return true;
    say("no input");
    return false;
}

// Prints the line that is typed although the FIFOs are reset meanwhile.
static uint8_t reset(void)
{
    clock_spin(WAIT);
    port_write8(FIFO_CONTROL, RESET_BOTH);
    char line[LINE_SIZE];
    unsigned length = 0;
    while (length < LINE_SIZE - 1 && await_data()) {
        char letter = (char)port_read8(COM1);
        if (letter == '\n') {
            line[length] = 0;
            say("got %s", line);
            return EXIT_PASS;
        }
        line[length++] = letter;
    }
    return EXIT_FAIL;
}

// How many bytes come in a row where many wait.
static uint8_t burst(void)
{
    port_write8(FIFO_CONTROL, RESET_BOTH);
    if (!await_data())
        return EXIT_FAIL;
    clock_spin(WAIT);
    uint8_t count = 0;
    for (; count < MANY && (port_read8(LINE_STATUS) & HAS_DATA); count++)
        port_read8(COM1);
    say("%u in a row", count);
    return count;
}

uint8_t guest_main(void)
{
    clock_start();
    port_write8(FIFO_CONTROL, FIFOS_ON);
    say("ready");
    return argument_is("does", "burst") ? burst() : reset();
}
