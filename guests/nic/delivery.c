#include "delivery.h"

#include <stddef.h>

#include "clock.h"
#include "console.h"
#include "interrupts.h"
#include "ioapic.h"
#include "lapic.h"
#include "msi.h"

enum { RECEIVE = 0, TRANSMIT = 1, OTHER = 2, VECTOR_COUNT = 3 };
// QEMU's e1000e sends its MSI again when the throttling interval (ITR, in 256 ns, at least 128 us whatever is written)
// ends and the handler has not run yet; QEMU 7.2's sends each MSI-X message (EITR) twice once two came within an
// interval. Two messages may then meet in the local APIC and be handled as one; so both get the longest interval, 17
// ms.
enum { LONGEST_INTERVAL = 0xffff };

enum { SETTLE = 50000, SETTLE_ROUNDS = 20 };

static struct e1000 *nic;
static enum delivery_kind kind;
static volatile bool has_frames;
static struct msix msix;

static const char *const names[] = {"intx", "msi", "msix"};

const char *delivery_name(enum delivery_kind which) { return names[which]; }

// INTx and MSI: one interrupt for all causes; reading ICR clears them and lowers the line.
static void handle_shared(void *context)
{
    (void)context;
    if (e1000_read(nic, E1000_ICR) & E1000_CAUSE_RXT0)
        has_frames = true;
}

// MSI-X: the cause of this vector is cleared by writing it, those of the others stay.
static void handle_receive(void *context)
{
    (void)context;
    e1000_write(nic, E1000_ICR, E1000_CAUSE_RXQ0 | E1000_CAUSE_RXT0);
    has_frames = true;
}

static void handle_transmit(void *context)
{
    (void)context;
    e1000_write(nic, E1000_ICR, E1000_CAUSE_TXQ0 | E1000_CAUSE_TXDW);
}

static void handle_other(void *context)
{
    (void)context;
    e1000_write(nic, E1000_ICR, E1000_CAUSE_OTHER | E1000_CAUSE_LSC);
}

static const char *prepare_intx(void)
{
    unsigned pin = pci_read8(nic->function, PCI_INTERRUPT_LINE);
    if (!pci_read8(nic->function, PCI_INTERRUPT_PIN))
        return "the device has no INTx pin";
    if (pin >= ioapic_pin_count())
        return "the Interrupt Line register names no IOAPIC pin";
    interrupt_handle(VECTOR_DEVICES, handle_shared, NULL);
    ioapic_route(pin, VECTOR_DEVICES, IOAPIC_LEVEL, lapic_id());
    pci_command(nic->function, 0, PCI_COMMAND_INTX_DISABLE);
    say("INTx on IOAPIC pin %u", pin);
    return NULL;
}

static const char *prepare_msi(void)
{
    interrupt_handle(VECTOR_DEVICES, handle_shared, NULL);
    if (!msi_enable(nic->function, MSI_ADDRESS(lapic_id()), VECTOR_DEVICES))
        return "the device has no MSI capability";
    e1000_write(nic, E1000_ITR, LONGEST_INTERVAL);
    return NULL;
}

static const char *prepare_msix(void)
{
    static void (*const handlers[VECTOR_COUNT])(void *) = {handle_receive, handle_transmit, handle_other};
    if (!msix_find(nic->function, &msix))
        return msix.capability ? "the MSI-X table can't be reached" : "the device has no MSI-X capability";
    if (msix.count < VECTOR_COUNT)
        return "the MSI-X table has fewer than 3 entries";
    msix_control(&msix, true, true);
    for (unsigned i = 0; i < VECTOR_COUNT; i++) {
        interrupt_handle((uint8_t)(VECTOR_DEVICES + i), handlers[i], NULL);
        e1000_write(nic, E1000_EITR + 4 * i, LONGEST_INTERVAL);
        msix_program(&msix, i, MSI_ADDRESS(lapic_id()), VECTOR_DEVICES + i);
        msix_mask(&msix, i, false);
    }
    e1000_write(nic, E1000_EIAC, 0);
    e1000_write(nic, E1000_IAM, 0);
    e1000_write(nic, E1000_IVAR,
                E1000_IVAR_ENTRY(RECEIVE, 0) | E1000_IVAR_ENTRY(TRANSMIT, 8) | E1000_IVAR_ENTRY(OTHER, 16) |
                    E1000_IVAR_EVERY_WRITE_BACK);
    msix_control(&msix, true, false);
    return NULL;
}

const char *delivery_prepare(struct e1000 *which, enum delivery_kind how)
{
    nic = which;
    kind = how;
    if (kind == DELIVERY_INTX)
        return prepare_intx();
    return kind == DELIVERY_MSI ? prepare_msi() : prepare_msix();
}

void delivery_open(void)
{
    e1000_read(nic, E1000_ICR);
    e1000_write(nic, E1000_IMS,
                kind == DELIVERY_MSIX ? E1000_CAUSE_RXQ0 | E1000_CAUSE_TXQ0 | E1000_CAUSE_OTHER | E1000_CAUSE_LSC
                                      : E1000_CAUSE_RXT0);
}

bool delivery_has_frames(void) { return has_frames; }

void delivery_take(void) { has_frames = false; }

uint64_t delivery_count(void)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < VECTOR_COUNT; i++)
        count += interrupt_counts[VECTOR_DEVICES + i];
    return count;
}

void delivery_close(void)
{
    e1000_write(nic, E1000_IMC, 0xffffffff);
    uint64_t before;
    unsigned rounds = 0;
    do {
        before = delivery_count();
        clock_sleep(SETTLE);
    } while (delivery_count() != before && ++rounds < SETTLE_ROUNDS);
}

void delivery_report(void)
{
    if (kind == DELIVERY_MSIX)
        say("interrupts: receive %lu, transmit %lu, other %lu", interrupt_counts[VECTOR_DEVICES + RECEIVE],
            interrupt_counts[VECTOR_DEVICES + TRANSMIT], interrupt_counts[VECTOR_DEVICES + OTHER]);
    else
        say("interrupts: %lu", delivery_count());
}
