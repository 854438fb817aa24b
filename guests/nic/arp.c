#include "bytes.h"
#include "packet.h"

enum { TYPE_ARP = 0x0806, ARP_OFFSET = 14, ARP_SIZE = 28, REQUEST = 1, REPLY = 2 };
enum { OPERATION = 6, SENDER_MAC = 8, SENDER = 14, TARGET_MAC = 18, TARGET = 24 };

static const uint8_t ethernet_ipv4[OPERATION] = {0, 1, 8, 0, MAC_SIZE, 4};
static const uint8_t broadcast[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void begin(struct packet *packet, const struct host *host, const uint8_t *to, uint16_t operation)
{
    ethernet_begin(packet, host, to, TYPE_ARP);
    uint8_t *body = packet->bytes + ARP_OFFSET;
    memcpy(body, ethernet_ipv4, sizeof ethernet_ipv4);
    packet_write16(body + OPERATION, operation);
    memcpy(body + SENDER_MAC, host->mac, MAC_SIZE);
    packet_write32(body + SENDER, host->address);
    packet->length = ARP_OFFSET + ARP_SIZE;
}

static bool is(const struct packet *packet, uint16_t operation)
{
    const uint8_t *body = packet->bytes + ARP_OFFSET;
    return packet->length >= ARP_OFFSET + ARP_SIZE && packet_read16(packet->bytes + 2 * MAC_SIZE) == TYPE_ARP
        && memcmp(body, ethernet_ipv4, sizeof ethernet_ipv4) == 0 && packet_read16(body + OPERATION) == operation;
}

void arp_request(struct packet *packet, const struct host *host, uint32_t target)
{
    begin(packet, host, broadcast, REQUEST);
    packet_write32(packet->bytes + ARP_OFFSET + TARGET, target);
}

bool arp_answer(const struct packet *packet, const struct host *host, struct packet *answer)
{
    const uint8_t *body = packet->bytes + ARP_OFFSET;
    if (!is(packet, REQUEST) || !host->address || packet_read32(body + TARGET) != host->address)
        return false;
    begin(answer, host, body + SENDER_MAC, REPLY);
    memcpy(answer->bytes + ARP_OFFSET + TARGET_MAC, body + SENDER_MAC, MAC_SIZE);
    packet_write32(answer->bytes + ARP_OFFSET + TARGET, packet_read32(body + SENDER));
    return true;
}

bool arp_read_reply(const struct packet *packet, uint32_t target, uint8_t mac[MAC_SIZE])
{
    const uint8_t *body = packet->bytes + ARP_OFFSET;
    if (!is(packet, REPLY) || packet_read32(body + SENDER) != target)
        return false;
    memcpy(mac, body + SENDER_MAC, MAC_SIZE);
    return true;
}
