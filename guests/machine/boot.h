#pragma once
#include <stdint.h>

/// A file that the loader put into memory.
struct boot_module {
    uint64_t start, size;
    const char *string;         ///< what came with it; empty for nothing
};

enum { BOOT_MODULES_MAX = 8 };

/// What the loader told the guest.
struct boot {
    const char *command_line;   ///< a copy, cut at 1023 bytes
    uint64_t ram_kib;           ///< the sum of the memory map's RAM, in KiB
    uint64_t ram_end;           ///< the first address after the RAM that starts at 1 MiB or below
    uint32_t module_count;      ///< BOOT_MODULES_MAX at the most
    struct boot_module modules[BOOT_MODULES_MAX];
};

/// Filled in before `guest_main` runs.
extern struct boot boot;

/// The guest's name, the first word of each of its lines.
extern const char guest_name_text[];

/// The guest. What it returns is its exit value.
uint8_t guest_main(void);
