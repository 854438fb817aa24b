#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Frames as bytes: every function here reads and writes memory it is given and nothing else.

enum { PACKET_LIMIT = 1514, MAC_SIZE = 6 };

/// A frame without its checksum.
struct packet {
    size_t length;
    uint8_t bytes[PACKET_LIMIT];
};

/// Who we are and what a lease told us; addresses as numbers in host order, 0 while unknown.
struct host {
    uint8_t mac[MAC_SIZE];
    uint32_t address, mask, gateway, server;
    uint8_t gateway_mac[MAC_SIZE];
};

/// Big-endian fields at any alignment.
uint16_t packet_read16(const uint8_t *at);
uint32_t packet_read32(const uint8_t *at);
void packet_write16(uint8_t *at, uint16_t value);
void packet_write32(uint8_t *at, uint32_t value);

/// The Internet checksum (RFC 1071).
uint16_t packet_checksum(const uint8_t *bytes, size_t count);

/// Writes an Ethernet header with our address as the sender.
void ethernet_begin(struct packet *packet, const struct host *host, const uint8_t *to, uint16_t type);

/// Writes an Ethernet and an IPv4 header (RFC 791) for `payload` bytes, which follow at the returned place.
uint8_t *ipv4_begin(struct packet *packet, const struct host *host, const uint8_t *mac, uint32_t to, uint8_t protocol, size_t payload);

/// An IPv4 datagram of one protocol addressed to us or to all: its payload and how long that is, or NULL.
const uint8_t *ipv4_payload(const struct packet *packet, const struct host *host, uint8_t protocol, size_t *length);

/// The sender and the time to live of an IPv4 packet that `ipv4_payload` took.
uint32_t ipv4_sender(const struct packet *packet);
uint8_t ipv4_time_to_live(const struct packet *packet);

/// A request for the hardware address of `target` (RFC 826).
void arp_request(struct packet *packet, const struct host *host, uint32_t target);

/// Answers a request for our own address: true with `answer` filled in.
bool arp_answer(const struct packet *packet, const struct host *host, struct packet *answer);

/// Takes the hardware address of `target` out of a reply.
bool arp_read_reply(const struct packet *packet, uint32_t target, uint8_t mac[MAC_SIZE]);

/// An echo request (RFC 792) to the gateway.
void icmp_echo_request(struct packet *packet, const struct host *host, uint16_t identifier, uint16_t sequence);

/// Whether this is the gateway's reply to that request, its payload unharmed.
bool icmp_is_reply(const struct packet *packet, const struct host *host, uint16_t identifier, uint16_t sequence);

/// DHCP messages (RFC 2131).
enum dhcp_message { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

/// A DISCOVER, or a REQUEST for the offer in `lease`.
void dhcp_message(struct packet *packet, const struct host *host, enum dhcp_message kind, uint32_t transaction, const struct host *lease);

/// The kind of a server's message in our transaction and what it grants, 0 if the packet is none.
uint8_t dhcp_read(const struct packet *packet, const struct host *host, uint32_t transaction, struct host *lease);
