#pragma once
#include <stdint.h>

// One plain mov for each access: a hypervisor that emulates the access must not have to decode anything fancier.

/// Reads a byte of device memory.
static inline uint8_t mmio_read8(uint64_t address)
{
    uint8_t value;
    __asm__ volatile("movb (%1), %0" : "=q"(value) : "r"(address) : "memory");
    return value;
}

/// Reads 16 bits of device memory.
static inline uint16_t mmio_read16(uint64_t address)
{
    uint16_t value;
    __asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

/// Reads 32 bits of device memory.
static inline uint32_t mmio_read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

/// Writes a byte of device memory.
static inline void mmio_write8(uint64_t address, uint8_t value)
{
    __asm__ volatile("movb %0, (%1)" : : "q"(value), "r"(address) : "memory");
}

/// Writes 16 bits of device memory.
static inline void mmio_write16(uint64_t address, uint16_t value)
{
    __asm__ volatile("movw %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

/// Writes 32 bits of device memory.
static inline void mmio_write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}
