#include "claims.h"

#include <stdarg.h>

#include "arguments.h"
#include "bytes.h"
#include "console.h"
#include "ending.h"
#include "interrupts.h"

static const char *current;
static bool line_printed;

static bool lists(const char *key, const char *name, bool otherwise)
{
    char list[256];
    if (!argument_text(key, list, sizeof list))
        return otherwise;
    if (text_equal(list, "all"))
        return true;
    size_t length = text_length(name);
    for (const char *item = list; *item;) {
        size_t count = 0;
        while (item[count] && item[count] != ',')
            count++;
        if (count == length && memcmp(item, name, length) == 0)
            return true;
        item += count;
        if (*item)
            item++;
    }
    return false;
}

static void print_line(const char *verdict, const char *format, va_list arguments)
{
    console_line_begin();
    console_print("%s %s", current, verdict);
    console_vprint(format, arguments);
    console_print("\n");
    line_printed = true;
}

#define PRINT_LINE(verdict)                     \
    do {                                        \
        va_list arguments;                      \
        va_start(arguments, format);            \
        print_line(verdict, format, arguments); \
        va_end(arguments);                      \
    } while (0)

enum verdict claim_holds(const char *format, ...)
{
    PRINT_LINE("ok ");
    return CLAIM_HOLDS;
}

enum verdict claim_fails(const char *format, ...)
{
    PRINT_LINE("FAIL ");
    return CLAIM_FAILS;
}

enum verdict claim_skipped(const char *format, ...)
{
    if (lists("require", current, false)) {
        PRINT_LINE("FAIL required, but skipped: ");
        return CLAIM_FAILS;
    }
    PRINT_LINE("skipped: ");
    return CLAIM_SKIPPED;
}

uint8_t claims_run(const struct claim *claims, unsigned count, void (*prepare)(void))
{
    unsigned held = 0, checked = 0, selected = 0;
    char list[256];
    bool is_named = argument_text("test", list, sizeof list) && !text_equal(list, "all");
    for (unsigned i = 0; i < count; i++) {
        if (is_named ? !lists("test", claims[i].name, true) : claims[i].on_request)
            continue;
        selected++;
        current = claims[i].name;
        line_printed = false;
        if (prepare)
            prepare();
        enum verdict verdict = claims[i].check();
        if (verdict == CLAIM_HOLDS && interrupt_unexpected)
            verdict = claim_fails("an interrupt came on vector 0x%x, which nothing was sent to", interrupt_unexpected);
        if (verdict == CLAIM_HOLDS && !line_printed)
            say("%s ok", current);
        if (verdict != CLAIM_SKIPPED)
            checked++;
        if (verdict == CLAIM_HOLDS)
            held++;
    }
    if (!selected) {
        say("test=%s names no test", list);
        return EXIT_BAD_ARGUMENT;
    }
    bool passed = checked > 0 && held == checked;
    say("%u/%u %s", held, checked, passed ? "PASS" : "FAIL");
    return passed ? EXIT_PASS : EXIT_FAIL;
}
