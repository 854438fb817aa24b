// Serial input by interrupt: each line comes back in upper case, `quit` ends the guest.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "port.h"

enum { INTERRUPT_ENABLE = COM1 + 1, INTERRUPT_ID = COM1 + 2, MODEM_CONTROL = COM1 + 4, LINE_STATUS = COM1 + 5 };
enum { ON_RECEIVED = 0x01, READY_AND_OUT2 = 0x0b, HAS_DATA = 0x01 };
enum { SERIAL_PIN = 4, INPUT_SIZE = 1024, LINE_SIZE = 256, DEFAULT_TIMEOUT = 60 };

const char guest_name_text[] = "echo";

static char input[INPUT_SIZE];
static volatile unsigned input_written, input_read;

static void take(void *context)
{
    (void)context;
    // The line is edge-triggered: one byte left behind would be the last interrupt.
    port_read8(INTERRUPT_ID);
    for (unsigned i = 0; i < INPUT_SIZE && (port_read8(LINE_STATUS) & HAS_DATA); i++)
        input[input_written++ % INPUT_SIZE] = (char)port_read8(COM1);
}

static bool has_input(void *context)
{
    (void)context;
    return input_read != input_written;
}

static char upper(char letter) { return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter; }

uint8_t guest_main(void)
{
    uint64_t timeout = argument_number("timeout", DEFAULT_TIMEOUT);
    clock_start();
    interrupt_handle(VECTOR_SERIAL, take, NULL);
    ioapic_route(SERIAL_PIN, VECTOR_SERIAL, IOAPIC_EDGE, lapic_id());
    port_write8(MODEM_CONTROL, READY_AND_OUT2);
    port_write8(INTERRUPT_ENABLE, ON_RECEIVED);
    say("ready");
    char line[LINE_SIZE];
    unsigned length = 0;
    while (clock_wait(has_input, NULL, timeout * 1000000)) {
        char letter = input[input_read++ % INPUT_SIZE];
        if (letter != '\r' && letter != '\n') {
            if (length < LINE_SIZE - 1)
                line[length++] = letter;
            continue;
        }
        line[length] = 0;
        if (text_equal(line, "quit")) {
            say("quit after %lu interrupts", interrupt_counts[VECTOR_SERIAL]);
            return EXIT_PASS;
        }
        for (unsigned i = 0; i < length; i++)
            line[i] = upper(line[i]);
        if (length)
            console_print("%s\n", line);
        length = 0;
    }
    say("no input for %lu s", timeout);
    return EXIT_FAIL;
}
