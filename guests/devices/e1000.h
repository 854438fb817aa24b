#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pci.h"

/// Registers and bits (Intel 82574L datasheet, 10.2; the 82540EM has those without a remark, 8254x manual, 13.4).
enum {
    E1000_CTRL = 0x0000, E1000_STATUS = 0x0008, E1000_CTRL_EXT = 0x0018,
    E1000_ICR = 0x00c0, E1000_ITR = 0x00c4, E1000_ICS = 0x00c8, E1000_IMS = 0x00d0, E1000_IMC = 0x00d8,
    E1000_EIAC = 0x00dc, E1000_IAM = 0x00e0, E1000_IVAR = 0x00e4, E1000_EITR = 0x00e8,                 // 82574L only
    E1000_RCTL = 0x0100, E1000_TCTL = 0x0400, E1000_TIPG = 0x0410,
    E1000_RDBAL = 0x2800, E1000_RDBAH = 0x2804, E1000_RDLEN = 0x2808, E1000_RDH = 0x2810, E1000_RDT = 0x2818,
    E1000_RDTR = 0x2820, E1000_RADV = 0x282c, E1000_TDBAL = 0x3800, E1000_TDBAH = 0x3804, E1000_TDLEN = 0x3808,
    E1000_TDH = 0x3810, E1000_TDT = 0x3818,
    E1000_RFCTL = 0x5008, E1000_MTA = 0x5200, E1000_RAL = 0x5400, E1000_RAH = 0x5404,
};
enum {
    E1000_CTRL_ASDE = 1 << 5, E1000_CTRL_SLU = 1 << 6, E1000_CTRL_RST = 1 << 26,
    E1000_STATUS_LU = 1 << 1,
    E1000_CAUSE_TXDW = 1 << 0, E1000_CAUSE_LSC = 1 << 2, E1000_CAUSE_RXT0 = 1 << 7,
    E1000_CAUSE_RXQ0 = 1 << 20, E1000_CAUSE_RXQ1 = 1 << 21, E1000_CAUSE_TXQ0 = 1 << 22, E1000_CAUSE_TXQ1 = 1 << 23,
    E1000_CAUSE_OTHER = 1 << 24,                                                            // these five: 82574L only
};

/// IVAR: the vector of a cause, `shift` being 0 RxQ0, 4 RxQ1, 8 TxQ0, 12 TxQ1 or 16 other causes; bit 31: an interrupt
/// for each transmit write-back.
#define E1000_IVAR_ENTRY(vector, shift) ((uint32_t)((vector) | 8) << (shift))
#define E1000_IVAR_EVERY_WRITE_BACK 0x80000000u

enum { E1000_VENDOR = 0x8086, E1000_82540EM = 0x100e, E1000_82574L = 0x10d3 };
enum { E1000_FRAME_LIMIT = 1514 };

/// One network function.
struct e1000 {
    struct pci_address function;
    uint16_t model;             ///< `E1000_82540EM` or `E1000_82574L`
    uint64_t registers;
    uint8_t mac[6];
    unsigned received, sent;    ///< ring positions
};

/// The first function of either model, or the one in `slot` when that is not 0. False if there is none.
bool e1000_find(unsigned slot, struct e1000 *nic);

/// Enables memory decoding and bus mastering, resets the function, leaves every interrupt cause masked and reads the
/// MAC address. NULL, or what went wrong.
const char *e1000_open(struct e1000 *nic);

/// Sets both rings up, asks for the link and switches receiving and sending on. There is one set of rings: one NIC at a
/// time.
void e1000_start(struct e1000 *nic);

/// Whether the link is up.
bool e1000_has_link(const struct e1000 *nic);

/// Puts a frame of at most `E1000_FRAME_LIMIT` bytes on the transmit ring. False where the ring is full.
bool e1000_send(struct e1000 *nic, const uint8_t *frame, size_t length);

/// Whether a received frame waits.
bool e1000_has_frame(const struct e1000 *nic);

/// Takes one received frame into `frame`; its length, or 0 if there is none.
size_t e1000_receive(struct e1000 *nic, uint8_t frame[E1000_FRAME_LIMIT]);

/// Masks all causes, stops both rings and bus mastering.
void e1000_stop(struct e1000 *nic);

/// Reads a register.
uint32_t e1000_read(const struct e1000 *nic, unsigned offset);

/// Writes a register.
void e1000_write(const struct e1000 *nic, unsigned offset, uint32_t value);
