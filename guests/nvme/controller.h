#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "msi.h"
#include "pci.h"

/// An NVMe controller with its admin queues in guest RAM and MSI-X vector 0 for their completions (NVM Express 1.4).
/// One at a time.
struct controller {
    struct pci_address function;
    uint64_t registers;
    uint64_t capabilities;      ///< CAP
    uint32_t version;           ///< VS
    struct msix msix;
};

/// What the controller answered to a command.
struct answer {
    uint16_t status;            ///< the status field without its phase bit, 0 for success
    uint64_t microseconds;      ///< from the doorbell to the interrupt
};

enum { CONTROLLER_PAGE = 4096 };

/// Finds class 01:08:02 in `slot`, or the first where that is 0, maps BAR 0 and reads CAP and VS. NULL, or what went
/// wrong.
const char *controller_find(unsigned slot, struct controller *controller);

/// Reads VS `count` times; how many of the reads gave another value than the first.
unsigned controller_read_version(const struct controller *controller, unsigned count);

/// Disables the controller, opens vector 0 of its MSI-X table (and the `unmasked` - 1 after it, which nothing uses),
/// and enables it with empty admin queues. NULL, or what went wrong.
const char *controller_start(struct controller *controller, unsigned unmasked);

/// Sends Identify Controller, 4096 bytes to a page-aligned address, and sleeps until its interrupt came. NULL, or what
/// went wrong; an answer with an error status is not wrong.
const char *controller_identify(struct controller *controller, uint64_t address, struct answer *answer);

/// Sends Identify Controller like `controller_identify`, and does not wait.
void controller_send_identify(struct controller *controller, uint64_t address);

/// Interrupts of vector 0 so far, and of the other ones.
uint64_t controller_interrupts(void);
uint64_t controller_stray_interrupts(void);

/// Disables the controller, MSI-X and bus mastering. NULL, or what went wrong.
const char *controller_stop(struct controller *controller);
