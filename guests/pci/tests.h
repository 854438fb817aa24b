#pragma once
#include "claims.h"

// Absent functions and the two ways to the configuration space: access_tests.c.
enum verdict test_absent_cf8(void);
enum verdict test_absent_ecam(void);
enum verdict test_agreement(void);
enum verdict test_address_latch(void);
enum verdict test_odd_accesses(void);

// The header: header_tests.c.
enum verdict test_identity(void);
enum verdict test_command_bits(void);
enum verdict test_capabilities(void);

// Base address registers: bar_tests.c.
enum verdict test_bar_sizes(void);
enum verdict test_bar_overlap(void);
enum verdict test_absent_memory(void);
enum verdict test_bar_move(void);
enum verdict test_bar_move_high(void);
enum verdict test_decode_off(void);
enum verdict test_edu_registers(void);
enum verdict test_frame_buffers(void);

// The expansion ROM: rom_tests.c.
enum verdict test_rom(void);
