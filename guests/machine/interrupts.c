#include "interrupts.h"

#include <stddef.h>

#include "console.h"
#include "ending.h"
#include "lapic.h"

enum { EXCEPTION_COUNT = 32, PAGE_FAULT = 14 };

// A line that nobody lowers would keep the guest in its handler for good.
enum { STORM = 100000 };

volatile uint64_t interrupt_counts[256];
volatile uint8_t interrupt_unexpected;

static struct {
    void (*handler)(void *context);
    void *context;
} handlers[256];

void interrupt_handle(uint8_t vector, void (*handler)(void *context), void *context)
{
    handlers[vector].context = context;
    handlers[vector].handler = handler;
}

void interrupt_ignore(uint8_t vector)
{
    handlers[vector].handler = NULL;
}

static _Noreturn void exception(const struct interrupt_frame *frame)
{
    console_print("\n");
    say("exception %lu error 0x%lx at 0x%lx rsp 0x%lx rflags 0x%lx", frame->vector, frame->error, frame->rip,
        frame->rsp, frame->rflags);
    if (frame->vector == PAGE_FAULT) {
        uint64_t address;
        __asm__ volatile("movq %%cr2, %0" : "=r"(address));
        say("page fault at address 0x%lx", address);
    }
    exit_with(EXIT_EXCEPTION);
}

void interrupt_dispatch(const struct interrupt_frame *frame)
{
    if (frame->vector < EXCEPTION_COUNT && !handlers[frame->vector].handler)
        exception(frame);
    if (++interrupt_counts[frame->vector] > STORM && frame->vector >= VECTOR_DEVICES) {
        console_print("\n");
        say("interrupt storm: vector 0x%lx was taken %u times", frame->vector, STORM);
        exit_with(EXIT_FAIL);
    }
    if (handlers[frame->vector].handler)
        handlers[frame->vector].handler(handlers[frame->vector].context);
    else if (frame->vector != VECTOR_SPURIOUS)
        interrupt_unexpected = (uint8_t)frame->vector;
    // A spurious interrupt has no bit in service to end (Intel SDM vol. 3, 11.9).
    if (frame->vector != VECTOR_SPURIOUS)
        lapic_end_of_interrupt();
}
