#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Where the local APIC's registers are (xAPIC mode).
#define LAPIC_BASE 0xfee00000

/// Enables this processor's local APIC, masks its LVT entries, and accepts every priority.
void lapic_start(void);

/// Puts this processor's local APIC into x2APIC mode, in which ids have 32 bits. Every processor has to; from the first
/// on, all functions here expect it of their caller's.
void lapic_use_x2apic(void);

/// This processor's APIC id.
uint32_t lapic_id(void);

/// Ends the interrupt in service.
void lapic_end_of_interrupt(void);

/// Whether a vector waits in the interrupt request register.
int lapic_is_requested(uint8_t vector);

/// Starts the timer, periodic on `VECTOR_TICK`, with its raw initial count (divider 16); 0 stops it.
void lapic_timer_start(uint32_t count);

/// The timer's present count.
uint32_t lapic_timer_count(void);

/// Whether the timer has the TSC-deadline mode.
bool lapic_has_deadline(void);

/// Puts the timer into TSC-deadline mode, with its interrupt on `vector`.
void lapic_use_deadline(uint8_t vector);

/// Sets when the timer's one interrupt comes: at this value of the time-stamp counter.
void lapic_set_deadline(uint64_t counter);

/// Sends an INIT to one processor.
void lapic_send_init(uint32_t target);

/// Sends a start-up interrupt to one processor, which then runs from `page` * 4096 in real mode.
void lapic_send_startup(uint32_t target, uint8_t page);
