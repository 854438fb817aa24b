#pragma once
#include <stdbool.h>
#include <stddef.h>

// The four that a compiler may call on its own in a freestanding program (GCC manual, "Standards").
void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

/// The length of a string without its final zero.
size_t text_length(const char *text);

/// Whether two strings are the same.
bool text_equal(const char *left, const char *right);
