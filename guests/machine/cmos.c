#include "cmos.h"

#include <stdbool.h>

#include "port.h"

enum { INDEX_PORT = 0x70, DATA_PORT = 0x71 };

uint8_t cmos_read(uint8_t index)
{
    port_write8(INDEX_PORT, index);
    return port_read8(DATA_PORT);
}

void cmos_write(uint8_t index, uint8_t value)
{
    port_write8(INDEX_PORT, index);
    port_write8(DATA_PORT, value);
}

static uint64_t binary(uint8_t index)
{
    uint8_t code = cmos_read(index);
    return (code >> 4) * 10u + (code & 0xfu);
}

static bool is_leap(uint64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static uint64_t seconds_now(void)
{
    static const uint16_t days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t year = binary(CMOS_CENTURY) * 100 + binary(CMOS_YEAR), month = binary(CMOS_MONTH);
    if (month < 1 || month > 12)
        return 0;
    uint64_t days = days_before[month - 1] + binary(CMOS_DAY) - 1 + (month > 2 && is_leap(year));
    for (uint64_t past = 1970; past < year; past++)
        days += is_leap(past) ? 366 : 365;
    return ((days * 24 + binary(CMOS_HOUR)) * 60 + binary(CMOS_MINUTE)) * 60 + binary(CMOS_SECOND);
}

uint64_t cmos_seconds(void)
{
    // Two readings that agree saw no second go by between their registers.
    uint64_t before, now = seconds_now();
    unsigned tries = 0;
    do {
        before = now;
        now = seconds_now();
    } while (now != before && tries++ < 100);
    return now;
}
