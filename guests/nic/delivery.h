#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "e1000.h"

/// How the NIC's interrupts travel.
enum delivery_kind { DELIVERY_INTX, DELIVERY_MSI, DELIVERY_MSIX };

/// The kind's name on the command line.
const char *delivery_name(enum delivery_kind kind);

/// Prepares the path from the device to the handlers, every cause still masked. NULL, or why this device or machine
/// can't.
const char *delivery_prepare(struct e1000 *nic, enum delivery_kind kind);

/// Unmasks the causes. A cause raises one interrupt and no other until its handler has cleared it, so each delivered
/// message is also one handled interrupt: none merges with another on its vector.
void delivery_open(void);

/// Whether an interrupt for received frames came since the last call of `delivery_take`.
bool delivery_has_frames(void);

/// Forgets that interrupt.
void delivery_take(void);

/// Masks the causes and waits until the number of interrupts stands still.
void delivery_close(void);

/// Interrupts handled on all of the device's vectors.
uint64_t delivery_count(void);

/// Says how many came on each vector.
void delivery_report(void);
