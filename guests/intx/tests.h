#pragma once
#include "claims.h"

// INTx of one device: line_tests.c.
enum verdict test_enabled(void);
enum verdict test_disabled(void);
enum verdict test_status_bit(void);
enum verdict test_pending(void);
enum verdict test_msi_and_back(void);
enum verdict test_level_held(void);
enum verdict test_masked_while_asserted(void);
enum verdict test_disabled_in_flight(void);

// Two devices on one line: shared_line_tests.c.
enum verdict test_shared_line(void);

// MSI and MSI-X: message_tests.c.
enum verdict test_masked_msix(void);
enum verdict test_masked_msix_unused(void);
enum verdict test_function_mask(void);
enum verdict test_msix_retarget(void);
enum verdict test_msi_blocked(void);

// The edu's DMA engine: dma_tests.c.
enum verdict test_dma_inside(void);
enum verdict test_dma_outside(void);
