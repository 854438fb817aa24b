#include "bytes.h"
#include "packet.h"

enum { ETHERNET_SIZE = 14, TYPE_IPV4 = 0x0800, IPV4_SIZE = 20, TIME_TO_LIVE = 64 };
enum { VERSION = 0, TOTAL_LENGTH = 2, FRAGMENT = 6, LIFE = 8, PROTOCOL = 9, CHECKSUM = 10, SOURCE = 12, DESTINATION = 16 };

uint16_t packet_read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
uint32_t packet_read32(const uint8_t *at) { return (uint32_t)packet_read16(at) << 16 | packet_read16(at + 2); }

void packet_write16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void packet_write32(uint8_t *at, uint32_t value)
{
    packet_write16(at, (uint16_t)(value >> 16));
    packet_write16(at + 2, (uint16_t)value);
}

uint16_t packet_checksum(const uint8_t *bytes, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < count; i += 2)
        sum += packet_read16(bytes + i);
    if (count % 2)
        sum += (uint32_t)bytes[count - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void ethernet_begin(struct packet *packet, const struct host *host, const uint8_t *to, uint16_t type)
{
    memset(packet->bytes, 0, sizeof packet->bytes);
    memcpy(packet->bytes, to, MAC_SIZE);
    memcpy(packet->bytes + MAC_SIZE, host->mac, MAC_SIZE);
    packet_write16(packet->bytes + 2 * MAC_SIZE, type);
    packet->length = ETHERNET_SIZE;
}

uint8_t *ipv4_begin(struct packet *packet, const struct host *host, const uint8_t *mac, uint32_t to, uint8_t protocol, size_t payload)
{
    ethernet_begin(packet, host, mac, TYPE_IPV4);
    uint8_t *header = packet->bytes + ETHERNET_SIZE;
    header[VERSION] = 0x45;
    packet_write16(header + TOTAL_LENGTH, (uint16_t)(IPV4_SIZE + payload));
    header[LIFE] = TIME_TO_LIVE;
    header[PROTOCOL] = protocol;
    packet_write32(header + SOURCE, host->address);
    packet_write32(header + DESTINATION, to);
    packet_write16(header + CHECKSUM, packet_checksum(header, IPV4_SIZE));
    packet->length = ETHERNET_SIZE + IPV4_SIZE + payload;
    return header + IPV4_SIZE;
}

const uint8_t *ipv4_payload(const struct packet *packet, const struct host *host, uint8_t protocol, size_t *length)
{
    const uint8_t *header = packet->bytes + ETHERNET_SIZE;
    if (packet->length < ETHERNET_SIZE + IPV4_SIZE || packet_read16(packet->bytes + 2 * MAC_SIZE) != TYPE_IPV4)
        return NULL;
    size_t header_size = (size_t)(header[VERSION] & 15) * 4, total = packet_read16(header + TOTAL_LENGTH);
    if (header[VERSION] >> 4 != 4 || header_size < IPV4_SIZE || total < header_size || ETHERNET_SIZE + total > packet->length)
        return NULL;
    if (packet_checksum(header, header_size) != 0 || (packet_read16(header + FRAGMENT) & 0x3fff) || header[PROTOCOL] != protocol)
        return NULL;
    uint32_t to = packet_read32(header + DESTINATION);
    if (to != 0xffffffff && host->address && to != host->address)
        return NULL;
    *length = total - header_size;
    return header + header_size;
}

uint32_t ipv4_sender(const struct packet *packet) { return packet_read32(packet->bytes + ETHERNET_SIZE + SOURCE); }
uint8_t ipv4_time_to_live(const struct packet *packet) { return packet->bytes[ETHERNET_SIZE + LIFE]; }
