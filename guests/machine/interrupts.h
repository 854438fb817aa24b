#pragma once
#include <stdbool.h>
#include <stdint.h>

/// What vectors.S leaves on the stack.
struct interrupt_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/// Vectors with a fixed meaning. 0x20...0x2f are left to the legacy interrupt controllers, 0x40...0xef to devices.
enum { VECTOR_LEGACY = 0x20, VECTOR_TICK = 0x30, VECTOR_SERIAL = 0x31, VECTOR_DEVICES = 0x40, VECTOR_SPURIOUS = 0xff };

/// How often each vector was taken, unexpected ones included. A device's vector that was taken 100000 times is a storm
/// and ends the guest with `EXIT_FAIL`.
extern volatile uint64_t interrupt_counts[256];

/// Calls `handler` with `context` for each interrupt on a vector, before the local APIC gets its end of interrupt.
/// Vectors below 32 without one are exceptions and end the guest; others are counted, ended and kept in
/// `interrupt_unexpected`.
void interrupt_handle(uint8_t vector, void (*handler)(void *context), void *context);

/// Takes the handler away again.
void interrupt_ignore(uint8_t vector);

/// The last vector that came without a handler, 0 if none did.
extern volatile uint8_t interrupt_unexpected;

/// Sets the interrupt flag.
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }

/// Clears the interrupt flag.
static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }

/// Whether the interrupt flag is set.
static inline bool interrupts_are_on(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return flags & 0x200;
}
