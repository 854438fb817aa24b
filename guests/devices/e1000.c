#include "e1000.h"

#include "bar.h"
#include "bytes.h"
#include "clock.h"
#include "mmio.h"

enum { RING_SIZE = 32, BUFFER_SIZE = 2048 };
enum { RESET_LIMIT = 1000000, AFTER_RESET = 1000 };
#define ALL_CAUSES 0xffffffffu

// Legacy descriptors (82574L datasheet, 7.1.4 and 7.2.9).
struct receive_descriptor {
    uint64_t address;
    uint16_t length, checksum;
    uint8_t status, errors;
    uint16_t special;
};
struct transmit_descriptor {
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset, command, status, checksum_start;
    uint16_t special;
};
enum { DONE = 1 << 0, END_OF_PACKET = 1 << 0, INSERT_FCS = 1 << 1, REPORT_STATUS = 1 << 3 };
enum { RCTL_ENABLE = 1 << 1, RCTL_BROADCAST = 1 << 15, RCTL_STRIP_CRC = 1 << 26 };
enum {
    TCTL_ENABLE = 1 << 1, TCTL_PAD = 1 << 3, TCTL_COLLISIONS = 0x0f << 4, TCTL_DISTANCE = 0x40 << 12,
    TIPG_COPPER = 0x00602008,
};

static volatile struct receive_descriptor receive_ring[RING_SIZE] __attribute__((aligned(128)));
static volatile struct transmit_descriptor transmit_ring[RING_SIZE] __attribute__((aligned(128)));
static uint8_t receive_buffers[RING_SIZE][BUFFER_SIZE] __attribute__((aligned(16)));
static uint8_t transmit_buffers[RING_SIZE][BUFFER_SIZE] __attribute__((aligned(16)));

uint32_t e1000_read(const struct e1000 *nic, unsigned offset) { return mmio_read32(nic->registers + offset); }
void e1000_write(const struct e1000 *nic, unsigned offset, uint32_t value) {
    mmio_write32(nic->registers + offset, value);
}

bool e1000_find(unsigned slot, struct e1000 *nic)
{
    unsigned position = 0;
    while (pci_next(&position, &nic->function)) {
        nic->model = pci_read16(nic->function, PCI_DEVICE);
        if ((!slot || nic->function.slot == slot) && pci_read16(nic->function, PCI_VENDOR) == E1000_VENDOR
            && (nic->model == E1000_82540EM || nic->model == E1000_82574L))
            return true;
    }
    return false;
}

static bool is_reset(void *context) { return !(e1000_read(context, E1000_CTRL) & E1000_CTRL_RST); }

const char *e1000_open(struct e1000 *nic)
{
    nic->registers = bar_map(nic->function, 0);
    if (!nic->registers)
        return "BAR 0 can't be reached";
    pci_command(nic->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    if (e1000_read(nic, E1000_STATUS) == 0xffffffff)
        return "the registers read all ones";
    e1000_write(nic, E1000_IMC, ALL_CAUSES);
    e1000_write(nic, E1000_RCTL, 0);
    e1000_write(nic, E1000_TCTL, 0);
    e1000_write(nic, E1000_CTRL, e1000_read(nic, E1000_CTRL) | E1000_CTRL_RST);
    clock_sleep(AFTER_RESET);
    if (!clock_wait(is_reset, nic, RESET_LIMIT))
        return "the reset bit did not clear in 1 s";
    e1000_write(nic, E1000_IMC, ALL_CAUSES);
    e1000_read(nic, E1000_ICR);
    uint32_t low = e1000_read(nic, E1000_RAL), high = e1000_read(nic, E1000_RAH);
    for (unsigned i = 0; i < 6; i++)
        nic->mac[i] = (uint8_t)(i < 4 ? low >> (8 * i) : high >> (8 * (i - 4)));
    return NULL;
}

void e1000_start(struct e1000 *nic)
{
    for (unsigned i = 0; i < RING_SIZE; i++) {
        receive_ring[i].address = (uint64_t)receive_buffers[i];
        receive_ring[i].status = 0;
        transmit_ring[i].address = (uint64_t)transmit_buffers[i];
        transmit_ring[i].status = DONE;
    }
    nic->received = nic->sent = 0;
    e1000_write(nic, E1000_CTRL, e1000_read(nic, E1000_CTRL) | E1000_CTRL_SLU | E1000_CTRL_ASDE);
    for (unsigned i = 0; i < 128; i++)
        e1000_write(nic, E1000_MTA + 4 * i, 0);
    if (nic->model == E1000_82574L)
        e1000_write(nic, E1000_RFCTL, 0);
    e1000_write(nic, E1000_RDBAL, (uint32_t)(uint64_t)receive_ring);
    e1000_write(nic, E1000_RDBAH, 0);
    e1000_write(nic, E1000_RDLEN, sizeof receive_ring);
    e1000_write(nic, E1000_RDH, 0);
    e1000_write(nic, E1000_RDTR, 0);
    e1000_write(nic, E1000_RADV, 0);
    e1000_write(nic, E1000_TDBAL, (uint32_t)(uint64_t)transmit_ring);
    e1000_write(nic, E1000_TDBAH, 0);
    e1000_write(nic, E1000_TDLEN, sizeof transmit_ring);
    e1000_write(nic, E1000_TDH, 0);
    e1000_write(nic, E1000_TDT, 0);
    e1000_write(nic, E1000_TIPG, TIPG_COPPER);
    e1000_write(nic, E1000_TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS | TCTL_DISTANCE);
    e1000_write(nic, E1000_RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_STRIP_CRC);
    e1000_write(nic, E1000_RDT, RING_SIZE - 1);
}

bool e1000_has_link(const struct e1000 *nic) { return e1000_read(nic, E1000_STATUS) & E1000_STATUS_LU; }

bool e1000_send(struct e1000 *nic, const uint8_t *frame, size_t length)
{
    volatile struct transmit_descriptor *descriptor = &transmit_ring[nic->sent];
    if (!(descriptor->status & DONE) || length > E1000_FRAME_LIMIT)
        return false;
    memcpy(transmit_buffers[nic->sent], frame, length);
    descriptor->length = (uint16_t)length;
    descriptor->checksum_offset = descriptor->checksum_start = 0;
    descriptor->special = 0;
    descriptor->status = 0;
    descriptor->command = END_OF_PACKET | INSERT_FCS | REPORT_STATUS;
    nic->sent = (nic->sent + 1) % RING_SIZE;
    e1000_write(nic, E1000_TDT, nic->sent);
    return true;
}

bool e1000_has_frame(const struct e1000 *nic) { return receive_ring[nic->received].status & DONE; }

size_t e1000_receive(struct e1000 *nic, uint8_t frame[E1000_FRAME_LIMIT])
{
    volatile struct receive_descriptor *descriptor = &receive_ring[nic->received];
    if (!e1000_has_frame(nic))
        return 0;
    size_t length = descriptor->length;
    if (length > E1000_FRAME_LIMIT)
        length = E1000_FRAME_LIMIT;
    memcpy(frame, receive_buffers[nic->received], length);
    descriptor->status = 0;
    e1000_write(nic, E1000_RDT, nic->received);
    nic->received = (nic->received + 1) % RING_SIZE;
    return length;
}

void e1000_stop(struct e1000 *nic)
{
    e1000_write(nic, E1000_IMC, ALL_CAUSES);
    e1000_write(nic, E1000_RCTL, 0);
    e1000_write(nic, E1000_TCTL, 0);
    pci_command(nic->function, 0, PCI_COMMAND_MASTER);
}
