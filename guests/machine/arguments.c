#include "arguments.h"

#include "boot.h"
#include "bytes.h"
#include "console.h"
#include "ending.h"

bool argument_text(const char *key, char *value, size_t size)
{
    size_t key_length = text_length(key);
    bool found = false;
    value[0] = 0;
    for (const char *word = boot.command_line; *word;) {
        size_t length = 0;
        while (word[length] && word[length] != ' ')
            length++;
        if (length > key_length && word[key_length] == '=' && memcmp(word, key, key_length) == 0) {
            size_t count = length - key_length - 1;
            if (count > size - 1)
                count = size - 1;
            memcpy(value, word + key_length + 1, count);
            value[count] = 0;
            found = true;
        }
        word += length;
        while (*word == ' ')
            word++;
    }
    return found;
}

bool argument_is(const char *key, const char *value)
{
    char text[64];
    return argument_text(key, text, sizeof text) && text_equal(text, value);
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return 16;
}

uint64_t argument_number(const char *key, uint64_t otherwise)
{
    char text[64];
    if (!argument_text(key, text, sizeof text))
        return otherwise;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    int base = hexadecimal ? 16 : 10;
    const char *digits = hexadecimal ? text + 2 : text;
    uint64_t value = 0;
    bool valid = *digits != 0;
    for (; *digits && valid; digits++) {
        int digit = digit_value(*digits);
        valid = digit < base;
        value = value * (uint64_t)base + (uint64_t)digit;
    }
    if (!valid) {
        say("%s=%s is not a number", key, text);
        exit_with(EXIT_BAD_ARGUMENT);
    }
    return value;
}
