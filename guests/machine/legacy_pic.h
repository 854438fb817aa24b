#pragma once

/// Moves the two 8259s to `VECTOR_LEGACY` and masks all their inputs.
void legacy_pic_mask(void);
