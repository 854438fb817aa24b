// Says which modules it was handed: each one's string, size, and the first of its bytes up to a line's end.
#include "boot.h"
#include "console.h"

const char guest_name_text[] = "modules";

enum { SHOWN = 64 };

uint8_t guest_main(void)
{
    say("cmdline \"%s\"", boot.command_line);
    for (uint32_t i = 0; i < boot.module_count; i++) {
        const struct boot_module *module = &boot.modules[i];
        const char *bytes = (const char *)module->start;
        char text[SHOWN + 1];
        unsigned length = 0;
        while (length < SHOWN && length < module->size && bytes[length] != '\n') {
            text[length] = bytes[length];
            length++;
        }
        text[length] = 0;
        say("%u \"%s\" %lu bytes%s: %s", i, module->string, module->size, module->start % 4096 ? ", not on a page" : "",
            text);
    }
    say("%u in all", boot.module_count);
    return 0;
}
