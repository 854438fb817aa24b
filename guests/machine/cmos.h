#pragma once
#include <stdint.h>

/// Registers of the MC146818 clock, and bits of theirs.
enum {
    CMOS_SECOND = 0, CMOS_SECOND_ALARM = 1, CMOS_MINUTE = 2, CMOS_MINUTE_ALARM = 3, CMOS_HOUR = 4, CMOS_HOUR_ALARM = 5,
    CMOS_DAY = 7, CMOS_MONTH = 8, CMOS_YEAR = 9, CMOS_CENTURY = 0x32,
    CMOS_A = 10, CMOS_B = 11, CMOS_C = 12, CMOS_D = 13,
    CMOS_UPDATING = 0x80, CMOS_PERIODIC = 0x40, CMOS_ALARM = 0x20, CMOS_UPDATE_ENDED = 0x10, CMOS_VALID = 0x80,
    CMOS_ANY = 0xff,            ///< an alarm's hour, minute or second: any
};

/// Reads a byte of the clock's memory, 0...127.
uint8_t cmos_read(uint8_t index);

/// Writes one.
void cmos_write(uint8_t index, uint8_t value);

/// The time of the clock, which runs in UTC, BCD and 24 hours: seconds since 1970.
uint64_t cmos_seconds(void);
