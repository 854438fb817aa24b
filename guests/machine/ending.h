#pragma once
#include <stdint.h>

/// Exit values every guest shares. 0 is a pass, 1 a failed claim.
enum {
    EXIT_PASS = 0,
    EXIT_FAIL = 1,
    EXIT_BAD_ARGUMENT = 60,     ///< the command line asked for something that does not exist
    EXIT_NOT_ENDED = 61,        ///< the machine did not end in the way that was asked for
    EXIT_NO_CLOCK = 62,         ///< a timer that every wait depends on does not count
    EXIT_EXCEPTION = 63,        ///< an exception or an interrupt nobody expected
};

/// Ends the run with a value (0...63) written to the exit port 0xf4. Where that port does not exist the machine is
/// powered off, reset, or brought to a triple fault, whichever works first.
_Noreturn void exit_with(uint8_t value);

/// Writes the value of an S5 sleep to the ACPI PM1a control port 0x604.
void end_by_power_off(void);

/// Resets by the reset control register 0xcf9.
void end_by_reset(void);

/// Resets by the keyboard controller's pulse command.
void end_by_keyboard_reset(void);

/// Resets by the reset control register with power, 0xe.
void end_by_full_reset(void);

/// Resets by bit 0 of the keyboard controller's output port.
void end_by_keyboard_output(void);

/// Resets by bit 0 of system control port A, 0x92.
void end_by_system_control(void);

/// Resets by the register that ACPI's fixed description table names; returns where there is none.
void end_by_acpi_reset(void);

/// Halts for good: with interrupts off nothing wakes the processor.
_Noreturn void hang(void);

/// Runs in one place for ever.
_Noreturn void spin(void);

/// Takes an exception with an empty IDT.
void end_by_triple_fault(void);

/// Tells the pvpanic port 0x505 that the guest panicked.
void end_by_panic(void);
