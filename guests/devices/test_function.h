#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "pci.h"

/// swiftlet's function that raises interrupts on request (docs/machine.md, "The test function").
enum { TEST_FUNCTION_VENDOR = 0x1234, TEST_FUNCTION_DEVICE = 0x5446, TEST_FUNCTION_IDENTIFICATION = 0x74736574 };

/// Its registers in BAR 0.
enum {
    TEST_FUNCTION_ID = 0x00, TEST_FUNCTION_STATUS = 0x04, TEST_FUNCTION_RAISE = 0x08, TEST_FUNCTION_ACKNOWLEDGE = 0x0c,
    TEST_FUNCTION_COUNT = 0x10,
};

/// Causes, a bit each in STATUS, RAISE and ACKNOWLEDGE, and the vectors of its MSI-X table.
enum { TEST_FUNCTION_CAUSES = 16 };

struct test_function {
    struct pci_address function;
    uint64_t registers;
};

/// Finds the function number `index` (0 for the first), enables memory decoding and bus mastering. False if there is
/// none or its registers don't answer, which is then said.
bool test_function_open(struct test_function *test, unsigned index);

/// Reads a register.
uint32_t test_function_read(const struct test_function *test, unsigned offset);

/// Writes a register.
void test_function_write(const struct test_function *test, unsigned offset, uint32_t value);
