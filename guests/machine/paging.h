#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Maps `size` bytes of device memory from `address` one to one and uncached. Below 4 GiB nothing is to do. False where
/// the pool of 8 tables (one a GiB, one more for each 512 GiB) is used up or the address is not in the lower half.
bool paging_map_device(uint64_t address, uint64_t size);
