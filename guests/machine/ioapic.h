#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Where the I/O APIC's registers are.
#define IOAPIC_BASE 0xfec00000

/// How an input signals.
enum ioapic_trigger { IOAPIC_EDGE, IOAPIC_LEVEL };

/// The number of inputs.
unsigned ioapic_pin_count(void);

/// Sends an input (0...`ioapic_pin_count`-1), active high, to `vector` on the processor with APIC id `target`,
/// unmasked.
void ioapic_route(unsigned pin, uint8_t vector, enum ioapic_trigger trigger, uint8_t target);

/// Makes an NMI of an input's rising edge, at the processor with APIC id `target`.
void ioapic_route_nmi(unsigned pin, uint8_t target);

/// Masks an input.
void ioapic_mask(unsigned pin);

/// Whether a level interrupt of this input was delivered and not yet ended (the Remote IRR bit).
bool ioapic_is_in_service(unsigned pin);
