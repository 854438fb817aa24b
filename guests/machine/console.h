#pragma once
#include <stdarg.h>
#include <stddef.h>

/// The base port of COM1, an 8250 or better.
#define COM1 0x3f8

/// Opens the guest's first line with its name. The very first byte goes out without asking whether the transmitter is
/// free: nothing was sent before it.
void console_open(const char *name);

/// Writes bytes as they are, a carriage return before each line feed.
void console_write(const char *bytes, size_t count);

/// Prints with %c %s %d %u %x %%, a length of `l` or `z`, a width and zero padding.
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// `console_print` with its arguments in a list.
void console_vprint(const char *format, va_list arguments);

/// Prints the guest's name and a colon, unless the first line still stands open behind them.
void console_line_begin(void);

/// Prints one whole line that starts with the guest's name and a colon.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
