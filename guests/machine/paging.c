#include "paging.h"

#include <stddef.h>

enum { ENTRIES = 512, POOL_PAGES = 8, PRESENT_WRITABLE = 0x3, UNCACHED = 0x18, LARGE = 0x80 };
#define PAGE_2M 0x200000ull
#define MAPPED_AT_START 0x100000000ull
#define ADDRESS_LIMIT (1ull << 47)
#define ADDRESS_BITS 0x000ffffffffff000ull

extern uint64_t page_table_root[ENTRIES];
static uint64_t pool[POOL_PAGES][ENTRIES] __attribute__((aligned(4096)));
static unsigned pool_used;

static uint64_t *next_table(uint64_t *entry)
{
    if (!*entry) {
        if (pool_used == POOL_PAGES)
            return NULL;
        *entry = (uint64_t)pool[pool_used++] | PRESENT_WRITABLE;
    }
    return (uint64_t *)(*entry & ADDRESS_BITS);
}

bool paging_map_device(uint64_t address, uint64_t size)
{
    if (address + size <= MAPPED_AT_START)
        return true;
    if (address + size > ADDRESS_LIMIT)
        return false;
    for (uint64_t page = address & ~(PAGE_2M - 1); page < address + size; page += PAGE_2M) {
        if (page < MAPPED_AT_START)
            continue;
        uint64_t *pointers = next_table(&page_table_root[(page >> 39) % ENTRIES]);
        uint64_t *directory = pointers ? next_table(&pointers[(page >> 30) % ENTRIES]) : NULL;
        if (!directory)
            return false;
        directory[(page >> 21) % ENTRIES] = page | PRESENT_WRITABLE | LARGE | UNCACHED;
        __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
    }
    return true;
}
