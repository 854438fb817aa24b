#pragma once
#include <stdint.h>

/// What the loader told the guest.
struct boot {
    const char *command_line;   ///< a copy, cut at 1023 bytes
    uint64_t ram_kib;           ///< the sum of the memory map's RAM, in KiB
    uint64_t ram_end;           ///< the first address after the RAM that starts at 1 MiB or below
};

/// Filled in before `guest_main` runs.
extern struct boot boot;

/// The guest's name, the first word of each of its lines.
extern const char guest_name_text[];

/// The guest. What it returns is its exit value.
uint8_t guest_main(void);
