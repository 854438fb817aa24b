// What test kernels written for QEMU ask of a board beyond a PC: the firmware configuration device and the test device.
#include "boot.h"
#include "clock.h"
#include "tests.h"

const char guest_name_text[] = "board";

static const struct claim claims[] = {
    {"signature", test_signature, false},
    {"interfaces", test_interfaces, false},
    {"cpu-count", test_cpu_count, false},
    {"ram-size", test_ram_size, false},
    {"directory", test_directory, false},
    {"absent-item", test_absent_item, false},
    {"string-input", test_string_input, false},
    {"scratch-ports", test_scratch_ports, false},
    {"scratch-memory", test_scratch_memory, false},
    {"page-flush", test_page_flush, false},
    {"lines", test_lines, false},
    {"counted-writes", test_counted_writes, false},
};

uint8_t guest_main(void)
{
    clock_start();
    return claims_run(claims, sizeof claims / sizeof claims[0], 0);
}
