#include "packet.h"

enum { PROTOCOL_ICMP = 1, ECHO_REPLY = 0, ECHO_REQUEST = 8, HEADER = 8, PAYLOAD = 56 };
enum { TYPE = 0, CHECKSUM = 2, IDENTIFIER = 4, SEQUENCE = 6 };

static uint8_t pattern(size_t index, uint16_t sequence) { return (uint8_t)(index + sequence); }

void icmp_echo_request(struct packet *packet, const struct host *host, uint16_t identifier, uint16_t sequence)
{
    uint8_t *message = ipv4_begin(packet, host, host->gateway_mac, host->gateway, PROTOCOL_ICMP, HEADER + PAYLOAD);
    message[TYPE] = ECHO_REQUEST;
    packet_write16(message + IDENTIFIER, identifier);
    packet_write16(message + SEQUENCE, sequence);
    for (size_t i = 0; i < PAYLOAD; i++)
        message[HEADER + i] = pattern(i, sequence);
    packet_write16(message + CHECKSUM, packet_checksum(message, HEADER + PAYLOAD));
}

bool icmp_is_reply(const struct packet *packet, const struct host *host, uint16_t identifier, uint16_t sequence)
{
    size_t length;
    const uint8_t *message = ipv4_payload(packet, host, PROTOCOL_ICMP, &length);
    if (!message || length != HEADER + PAYLOAD || packet_checksum(message, length) != 0 || message[TYPE] != ECHO_REPLY
        || ipv4_sender(packet) != host->gateway || packet_read16(message + IDENTIFIER) != identifier
        || packet_read16(message + SEQUENCE) != sequence)
        return false;
    for (size_t i = 0; i < PAYLOAD; i++)
        if (message[HEADER + i] != pattern(i, sequence))
            return false;
    return true;
}
