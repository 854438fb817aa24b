// Asks for a name and a password on prompts whose lines do not end, and lets root in.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "clock.h"
#include "console.h"
#include "ending.h"
#include "port.h"

enum { LINE_STATUS = COM1 + 5, HAS_DATA = 0x01 };
enum { LINE_SIZE = 64, DEFAULT_TIMEOUT = 60, ATTEMPTS = 3 };

const char guest_name_text[] = "asks";

static bool has_byte(void *context)
{
    (void)context;
    return port_read8(LINE_STATUS) & HAS_DATA;
}

// Prints a prompt in bold, as a terminal program would, and reads a line. What is typed comes back if `echoes`.
static void ask(const char *prompt, char line[LINE_SIZE], bool echoes)
{
    uint64_t timeout = argument_number("timeout", DEFAULT_TIMEOUT);
    console_print("\033[1m%s\033[0m ", prompt);
    for (unsigned length = 0;;) {
        if (!clock_wait(has_byte, NULL, timeout * 1000000)) {
            console_print("\n");
            say("no answer for %lu s", timeout);
            exit_with(EXIT_FAIL);
        }
        char letter = (char)port_read8(COM1);
        if (letter == '\r' || letter == '\n') {
            line[length] = 0;
            console_print("\n");
            return;
        }
        if (length < LINE_SIZE - 1)
            line[length++] = letter;
        if (echoes)
            console_print("%c", letter);
    }
}

uint8_t guest_main(void)
{
    char name[LINE_SIZE], password[LINE_SIZE];
    clock_start();
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        ask("asks login:", name, true);
        ask("Password:", password, false);
        if (text_equal(name, "root") && text_equal(password, "a=b")) {
            say("welcome %s", name);
            return EXIT_PASS;
        }
        say("login incorrect");
    }
    return EXIT_FAIL;
}
