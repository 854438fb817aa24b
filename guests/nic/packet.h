#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The protocols, in Embedded Swift: pure functions from bytes to bytes. A frame is `PACKET_LIMIT` bytes of memory, of
// which the first `length` are the frame, without its checksum. Every function that writes one returns that length.

#ifdef __clang__
#define SWIFT_NAME(name) __attribute__((swift_name(name)))
#else
#define SWIFT_NAME(name)
#define _Nonnull
#define _Nullable
#endif

enum { PACKET_LIMIT = 1514 };

/// Who we are and what a lease told us. All are numbers, the first byte on the wire the highest; 0 while unknown.
struct SWIFT_NAME("Host") host {
    uint64_t mac, gateway_mac;
    uint32_t address, mask, gateway, server;
};

/// Asks for the hardware address of `target` (RFC 826).
size_t arp_write_request(uint8_t *_Nonnull frame, const struct host *_Nonnull host, uint32_t target);

/// Answers a request for our own address; 0 if `question` is none.
size_t arp_write_answer(uint8_t *_Nonnull frame, const struct host *_Nonnull host, const uint8_t *_Nonnull question,
                        size_t length);

/// The hardware address that `target` replied with, 0 if this is no reply of its.
uint64_t arp_read_reply(const uint8_t *_Nonnull frame, size_t length, uint32_t target);

/// An echo request (RFC 792) to the gateway.
size_t icmp_write_request(uint8_t *_Nonnull frame, const struct host *_Nonnull host, uint16_t identifier,
                          uint16_t sequence);

/// The time to live of the gateway's reply to that request, 0 if this is none or its payload was harmed.
uint8_t icmp_read_reply(const uint8_t *_Nonnull frame, size_t length, const struct host *_Nonnull host,
                        uint16_t identifier, uint16_t sequence);

/// Kinds of DHCP messages (RFC 2131).
enum { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

/// A DISCOVER, or a REQUEST for the offer in `lease`.
size_t dhcp_write(uint8_t *_Nonnull frame, const struct host *_Nonnull host, uint8_t kind, uint32_t transaction,
                  const struct host *_Nullable lease);

/// The kind of a server's message in our transaction, 0 if this is none, and what it grants.
uint8_t dhcp_read(const uint8_t *_Nonnull frame, size_t length, const struct host *_Nonnull host, uint32_t transaction,
                  struct host *_Nonnull lease);
