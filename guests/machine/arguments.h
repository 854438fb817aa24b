#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The value of `key=value` on the command line, copied into `value` (cut at `size` - 1 bytes). Words are parted by
/// blanks; the last of several wins. False where the key is absent; `value` is then empty.
bool argument_text(const char *key, char *value, size_t size);

/// Whether `key=value` is on the command line with exactly this value.
bool argument_is(const char *key, const char *value);

/// The number after `key=`, decimal or with 0x hexadecimal. `otherwise` where the key is absent; a value that is no
/// number ends the guest with `EXIT_BAD_ARGUMENT`.
uint64_t argument_number(const char *key, uint64_t otherwise);
