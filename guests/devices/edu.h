#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

/// QEMU's educational device (QEMU's docs/specs/edu).
enum { EDU_VENDOR = 0x1234, EDU_DEVICE = 0x11e8, EDU_IDENTIFICATION = 0x010000ed };

/// Its registers in BAR 0.
enum {
    EDU_ID = 0x00, EDU_LIVENESS = 0x04, EDU_INTERRUPT_STATUS = 0x24, EDU_INTERRUPT_RAISE = 0x60,
    EDU_INTERRUPT_ACKNOWLEDGE = 0x64,
    EDU_DMA_SOURCE = 0x80, EDU_DMA_DESTINATION = 0x88, EDU_DMA_COUNT = 0x90, EDU_DMA_COMMAND = 0x98,
};

/// The device's own memory as its DMA engine addresses it. A transfer that ends exactly at the end of it aborts QEMU
/// 7.2.
enum { EDU_BUFFER = 0x40000, EDU_BUFFER_SIZE = 4096 };

struct edu {
    struct pci_address function;
    uint64_t registers;
};

/// Finds the device in `slot`, or the first where that is 0; enables memory decoding and bus mastering. False if there
/// is none or its registers don't answer, which is then said.
bool edu_open(struct edu *edu, unsigned slot);

/// Reads a register.
uint32_t edu_read(const struct edu *edu, unsigned offset);

/// Writes a register.
void edu_write(const struct edu *edu, unsigned offset, uint32_t value);

/// Copies `count` bytes (less than `EDU_BUFFER_SIZE`) between guest memory and the start of the device's buffer. False
/// where the engine is still busy after 5 s.
bool edu_copy_in(const struct edu *edu, uint32_t from, uint32_t count);
bool edu_copy_out(const struct edu *edu, uint32_t to, uint32_t count);
