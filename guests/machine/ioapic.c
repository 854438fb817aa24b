#include "ioapic.h"

#include "mmio.h"

// Intel 82093AA datasheet, 3.1 and 3.2.
enum { SELECT = 0x00, WINDOW = 0x10 };
enum { VERSION = 0x01, REDIRECTION = 0x10 };
enum { REMOTE_IRR = 1 << 14, DELIVERY_NMI = 4 << 8, LEVEL_TRIGGERED = 1 << 15, MASKED = 1 << 16 };

static uint32_t read(uint32_t index)
{
    mmio_write32(IOAPIC_BASE + SELECT, index);
    return mmio_read32(IOAPIC_BASE + WINDOW);
}

static void write(uint32_t index, uint32_t value)
{
    mmio_write32(IOAPIC_BASE + SELECT, index);
    mmio_write32(IOAPIC_BASE + WINDOW, value);
}

unsigned ioapic_pin_count(void)
{
    return ((read(VERSION) >> 16) & 0xff) + 1;
}

static void redirect(unsigned pin, uint32_t entry, uint8_t target)
{
    write(REDIRECTION + 2 * pin, MASKED);
    write(REDIRECTION + 2 * pin + 1, (uint32_t)target << 24);
    write(REDIRECTION + 2 * pin, entry);
}

void ioapic_route(unsigned pin, uint8_t vector, enum ioapic_trigger trigger, uint8_t target)
{
    redirect(pin, vector | (trigger == IOAPIC_LEVEL ? LEVEL_TRIGGERED : 0u), target);
}

void ioapic_route_nmi(unsigned pin, uint8_t target)
{
    redirect(pin, DELIVERY_NMI, target);
}

void ioapic_mask(unsigned pin)
{
    write(REDIRECTION + 2 * pin, read(REDIRECTION + 2 * pin) | MASKED);
}

bool ioapic_is_in_service(unsigned pin)
{
    return read(REDIRECTION + 2 * pin) & REMOTE_IRR;
}
