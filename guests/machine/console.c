#include "console.h"

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "port.h"

// 16550 registers (National Semiconductor PC16550D, table II).
enum { DATA = COM1, FIFO_CONTROL = COM1 + 2, INTERRUPT_ID = COM1 + 2, LINE_STATUS = COM1 + 5 };
enum { FIFO_ENABLE = 0x01, FIFO_WORKS = 0xc0, TRANSMITTER_EMPTY = 0x20, FIFO_DEPTH = 16 };

// A transmitter that never gets free must not hang the guest: what follows is then lost.
enum { POLL_LIMIT = 100000 };

static const char *guest_name = "guest";
static bool line_open;
static unsigned depth;      // 0 until the FIFO was asked for
static unsigned room;

static void wait_for_room(void)
{
    for (unsigned i = 0; i < POLL_LIMIT && !(port_read8(LINE_STATUS) & TRANSMITTER_EMPTY); i++)
        ;
    if (depth == 0) {
        port_write8(FIFO_CONTROL, FIFO_ENABLE);
        depth = (port_read8(INTERRUPT_ID) & FIFO_WORKS) == FIFO_WORKS ? FIFO_DEPTH : 1;
    }
    room = depth;
}

static void write_byte(char byte)
{
    if (room == 0)
        wait_for_room();
    room--;
    port_write8(DATA, (uint8_t)byte);
}

void console_open(const char *name)
{
    guest_name = name;
    line_open = true;
    room = 1;
    console_write(name, text_length(name));
    console_write(": ", 2);
}

void console_write(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n')
            write_byte('\r');
        write_byte(bytes[i]);
    }
}

static void print_number(uint64_t value, unsigned base, unsigned width, char padding, bool negative)
{
    char digits[24];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[count++] = '-';
    for (unsigned i = count; i < width; i++)
        write_byte(padding);
    while (count)
        write_byte(digits[--count]);
}

void console_vprint(const char *format, va_list arguments)
{
    for (; *format; format++) {
        if (*format != '%') {
            console_write(format, 1);
            continue;
        }
        format++;
        char padding = ' ';
        if (*format == '0')
            padding = *format++;
        unsigned width = 0;
        while (*format >= '0' && *format <= '9')
            width = width * 10 + (unsigned)(*format++ - '0');
        bool wide = false;
        while (*format == 'l' || *format == 'z')
            wide = true, format++;
        switch (*format) {
        case 'c':
            write_byte((char)va_arg(arguments, int));
            break;
        case 's': {
            const char *text = va_arg(arguments, const char *);
            console_write(text, text_length(text));
            break;
        }
        case 'd': {
            int64_t value = wide ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            print_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width, padding, value < 0);
            break;
        }
        case 'u':
            print_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned), 10, width, padding, false);
            break;
        case 'x':
            print_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned), 16, width, padding, false);
            break;
        case '\0':
            return;
        default:
            write_byte(*format);
            break;
        }
    }
}

void console_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    console_vprint(format, arguments);
    va_end(arguments);
}

void console_line_begin(void)
{
    if (!line_open)
        console_print("%s: ", guest_name);
    line_open = false;
}

void say(const char *format, ...)
{
    console_line_begin();
    va_list arguments;
    va_start(arguments, format);
    console_vprint(format, arguments);
    va_end(arguments);
    console_write("\n", 1);
}
