#include "test_function.h"

#include "bar.h"
#include "console.h"
#include "mmio.h"

uint32_t test_function_read(const struct test_function *test, unsigned offset) {
    return mmio_read32(test->registers + offset);
}

void test_function_write(const struct test_function *test, unsigned offset, uint32_t value)
{
    mmio_write32(test->registers + offset, value);
}

bool test_function_open(struct test_function *test, unsigned index)
{
    unsigned position = 0;
    while (pci_next(&position, &test->function)) {
        if (pci_read16(test->function, PCI_VENDOR) != TEST_FUNCTION_VENDOR)
            continue;
        if (pci_read16(test->function, PCI_DEVICE) != TEST_FUNCTION_DEVICE || index-- > 0)
            continue;
        test->registers = bar_map(test->function, 0);
        if (!test->registers)
            return false;
        pci_command(test->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
        uint32_t identification = test_function_read(test, TEST_FUNCTION_ID);
        if (identification == TEST_FUNCTION_IDENTIFICATION)
            return true;
        say("the test function's identification reads 0x%x", identification);
        return false;
    }
    return false;
}
