#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "e1000.h"
#include "edu.h"
#include "pci.h"
#include "test_function.h"

/// Vectors of this guest: one a line, one for a function's MSI, and a block for MSI-X entries.
enum { VECTOR_LINE = 0x40, VECTOR_MSI = 0x50, VECTOR_MSIX = 0x60 };

/// How long an interrupt may take, in microseconds.
enum { ARRIVAL_LIMIT = 2000000 };

/// A device that raises an interrupt when told to, and keeps its line up until it is acknowledged.
struct source {
    const char *name;
    bool present;
    struct pci_address function;
    uint8_t pin;                ///< the IOAPIC's, from the Interrupt Line register
    uint8_t vector;             ///< where that pin is routed; two sources on one pin share it
};

/// The devices. `line` is the one that tests of a single device use: what `device=edu|e1000e|test` says, else the first
/// that is there of an edu, an e1000e and swiftlet's test function.
extern struct source edu_source, nic_source, test_source, second_test_source;
extern struct source *line;
extern struct test_function test, second_test;

/// The sources, in the order above.
enum { SOURCE_COUNT = 4 };
extern struct source *const sources[SOURCE_COUNT];
extern struct edu edu;
extern struct e1000 nic;

/// Finds and opens the devices and picks `line`.
void sources_open(void);

/// Brings the devices and the interrupt path back to the start: nothing raised, no MSI, no MSI-X, INTx enabled, pins
/// routed, every handler acknowledging, no vector unexpected.
void sources_reset(void);

/// Raises a source's interrupt.
void source_raise(const struct source *source);

/// Takes it back.
void source_acknowledge(const struct source *source);

/// Sets or clears INTx-disable.
void source_disable_intx(const struct source *source, bool disable);

/// The handler of a line lets this many interrupts pass before it acknowledges; 0 is the normal way, -1 never
/// acknowledges.
extern volatile int line_hold;

/// Interrupts on a vector since `sources_reset`.
uint64_t interrupts_on_vector(uint8_t vector);

/// Waits until a vector was taken `count` times since `sources_reset`.
bool interrupts_reach(uint8_t vector, uint64_t count);

/// Lets the time pass in which nothing more should arrive (`quiet=` milliseconds, default 50).
void interrupts_quiet(void);
