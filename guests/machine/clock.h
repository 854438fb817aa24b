#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Measures the time-stamp counter against the PIT, prepares the interrupt controllers, starts a tick of 10 ms on the
/// local APIC timer, and turns interrupts on. The tick ends every `hlt`, so that no wait outlives its limit. Where one
/// of these does not work the guest says which and ends with `EXIT_NO_CLOCK`.
void clock_start(void);

/// Microseconds since `clock_start`.
uint64_t clock_now(void);

/// Lets `microseconds` pass with interrupts as they are, without halting.
void clock_spin(uint64_t microseconds);

/// Sleeps until `condition(context)` holds, checked after each interrupt, or `microseconds` have passed. Interrupts are
/// on while it sleeps and off while the condition is checked. Returns whether the condition held.
bool clock_wait(bool (*condition)(void *context), void *context, uint64_t microseconds);

/// Sleeps for `microseconds` with interrupts on.
void clock_sleep(uint64_t microseconds);

/// What the time-stamp counter is when `clock_now` is `microseconds`.
uint64_t clock_counter(uint64_t microseconds);

/// The time-stamp counter's rate in kHz.
uint64_t clock_rate(void);
