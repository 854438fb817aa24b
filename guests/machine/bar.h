#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

enum bar_kind { BAR_ABSENT, BAR_IO, BAR_MEMORY_32, BAR_MEMORY_64 };

/// A base address register as found.
struct bar {
    enum bar_kind kind;
    unsigned index;             ///< 0...5; a 64-bit one also takes the next
    uint64_t address, size;
};

/// Reads and sizes one register with the function's decoding switched off meanwhile, and puts everything back.
struct bar bar_read(struct pci_address function, unsigned index);

/// Moves a register to `address`, a multiple of its size, without touching the COMMAND register.
void bar_move(struct pci_address function, struct bar *bar, uint64_t address);

/// A memory register, mapped and ready to be used: its address, or 0 with a line that says what is missing.
uint64_t bar_map(struct pci_address function, unsigned index);
