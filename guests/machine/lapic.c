#include "lapic.h"

#include <stdbool.h>

#include "interrupts.h"
#include "mmio.h"

// Intel SDM vol. 3, table 11-1.
enum {
    ID = 0x20, TASK_PRIORITY = 0x80, END_OF_INTERRUPT = 0xb0, SPURIOUS = 0xf0, REQUESTS = 0x200,
    COMMAND_LOW = 0x300, COMMAND_HIGH = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360,
    LVT_ERROR = 0x370,
    TIMER_INITIAL = 0x380, TIMER_CURRENT = 0x390, TIMER_DIVIDE = 0x3e0,
};
enum {
    SOFTWARE_ENABLE = 0x100, LVT_MASKED = 0x10000, TIMER_PERIODIC = 0x20000, TIMER_DEADLINE = 0x40000,
    DIVIDE_BY_16 = 0x3,
};
enum { DELIVERY_INIT = 0x500, DELIVERY_STARTUP = 0x600, LEVEL_ASSERT = 0x4000, DELIVERY_PENDING = 0x1000 };

// The bit is never seen set on a hypervisor; the limit is for one that never clears it.
enum { COMMAND_POLL_LIMIT = 100000 };

// Intel SDM vol. 3, 11.12: in x2APIC mode a register is the MSR 0x800 + offset / 16, and the two halves of the command
// register are one.
enum { MSR_APIC_BASE = 0x1b, MSR_X2APIC = 0x800, APIC_ENABLED = 0x800, X2APIC_ENABLED = 0x400 };

static bool is_x2apic;

static uint64_t read_msr(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static uint32_t read(uint32_t offset)
{
    return is_x2apic ? (uint32_t)read_msr(MSR_X2APIC + offset / 16) : mmio_read32(LAPIC_BASE + offset);
}

static void write(uint32_t offset, uint32_t value)
{
    if (is_x2apic)
        write_msr(MSR_X2APIC + offset / 16, value);
    else
        mmio_write32(LAPIC_BASE + offset, value);
}

void lapic_use_x2apic(void)
{
    write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_ENABLED | X2APIC_ENABLED);
    is_x2apic = true;
}

void lapic_start(void)
{
    write(LVT_TIMER, LVT_MASKED);
    write(LVT_LINT0, LVT_MASKED);
    write(LVT_LINT1, LVT_MASKED);
    write(LVT_ERROR, LVT_MASKED);
    write(TASK_PRIORITY, 0);
    write(SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
}

uint32_t lapic_id(void)
{
    return is_x2apic ? read(ID) : read(ID) >> 24;
}

void lapic_end_of_interrupt(void)
{
    write(END_OF_INTERRUPT, 0);
}

int lapic_is_requested(uint8_t vector)
{
    return (read(REQUESTS + (vector / 32u) * 16u) >> (vector % 32)) & 1;
}

void lapic_timer_start(uint32_t count)
{
    write(TIMER_DIVIDE, DIVIDE_BY_16);
    write(LVT_TIMER, count ? TIMER_PERIODIC | VECTOR_TICK : LVT_MASKED);
    write(TIMER_INITIAL, count);
}

// Intel SDM vol. 3, 11.5.4.1; vol. 2, CPUID leaf 1.
enum { MSR_TSC_DEADLINE = 0x6e0, HAS_TSC_DEADLINE = 1 << 24 };

bool lapic_has_deadline(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx & HAS_TSC_DEADLINE;
}

void lapic_use_deadline(uint8_t vector)
{
    write(LVT_TIMER, TIMER_DEADLINE | vector);
    // The mode's store must be seen before the first deadline.
    __asm__ volatile("mfence" : : : "memory");
}

void lapic_set_deadline(uint64_t counter)
{
    write_msr(MSR_TSC_DEADLINE, counter);
}

uint32_t lapic_timer_count(void)
{
    return read(TIMER_CURRENT);
}

static void send(uint32_t target, uint32_t command)
{
    if (is_x2apic) {
        write_msr(MSR_X2APIC + COMMAND_LOW / 16, (uint64_t)target << 32 | command);
        return;
    }
    write(COMMAND_HIGH, target << 24);
    write(COMMAND_LOW, command);
    for (unsigned i = 0; i < COMMAND_POLL_LIMIT && (read(COMMAND_LOW) & DELIVERY_PENDING); i++)
        ;
}

void lapic_send_init(uint32_t target)
{
    send(target, DELIVERY_INIT | LEVEL_ASSERT);
}

void lapic_send_startup(uint32_t target, uint8_t page)
{
    send(target, DELIVERY_STARTUP | LEVEL_ASSERT | page);
}
