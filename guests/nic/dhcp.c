#include "bytes.h"
#include "packet.h"

enum { PROTOCOL_UDP = 17, UDP_SIZE = 8, SERVER_PORT = 67, CLIENT_PORT = 68 };
enum { OPERATION = 0, HARDWARE = 1, TRANSACTION = 4, FLAGS = 10, GRANTED = 16, CLIENT_MAC = 28, COOKIE = 236, OPTIONS = 240 };
enum { BOOT_REQUEST = 1, BOOT_REPLY = 2, FLAG_BROADCAST = 0x8000, MESSAGE_SIZE = 300 };
#define MAGIC_COOKIE 0x63825363u

// RFC 2132.
enum {
    OPTION_PAD = 0, OPTION_MASK = 1, OPTION_ROUTER = 3, OPTION_REQUESTED = 50, OPTION_KIND = 53, OPTION_SERVER = 54,
    OPTION_WANTED = 55, OPTION_END = 255,
};

static uint8_t *add_address(uint8_t *at, uint8_t option, uint32_t address)
{
    at[0] = option;
    at[1] = 4;
    packet_write32(at + 2, address);
    return at + 6;
}

void dhcp_message(struct packet *packet, const struct host *host, enum dhcp_message kind, uint32_t transaction, const struct host *lease)
{
    static const uint8_t everyone[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t hardware[] = {1, MAC_SIZE, 0};
    static const uint8_t wanted[] = {OPTION_WANTED, 2, OPTION_MASK, OPTION_ROUTER};
    uint8_t *udp = ipv4_begin(packet, host, everyone, 0xffffffff, PROTOCOL_UDP, UDP_SIZE + MESSAGE_SIZE);
    packet_write16(udp, CLIENT_PORT);
    packet_write16(udp + 2, SERVER_PORT);
    packet_write16(udp + 4, UDP_SIZE + MESSAGE_SIZE);   // the checksum stays 0: none (RFC 768)

    uint8_t *message = udp + UDP_SIZE;
    message[OPERATION] = BOOT_REQUEST;
    memcpy(message + HARDWARE, hardware, sizeof hardware);
    packet_write32(message + TRANSACTION, transaction);
    packet_write16(message + FLAGS, FLAG_BROADCAST);
    memcpy(message + CLIENT_MAC, host->mac, MAC_SIZE);
    packet_write32(message + COOKIE, MAGIC_COOKIE);
    uint8_t *option = message + OPTIONS;
    option[0] = OPTION_KIND;
    option[1] = 1;
    option[2] = (uint8_t)kind;
    option += 3;
    if (lease) {
        option = add_address(option, OPTION_REQUESTED, lease->address);
        option = add_address(option, OPTION_SERVER, lease->server);
    }
    memcpy(option, wanted, sizeof wanted);
    option[sizeof wanted] = OPTION_END;
}

uint8_t dhcp_read(const struct packet *packet, const struct host *host, uint32_t transaction, struct host *lease)
{
    size_t length;
    const uint8_t *udp = ipv4_payload(packet, host, PROTOCOL_UDP, &length);
    if (!udp || length < UDP_SIZE + OPTIONS || packet_read16(udp + 2) != CLIENT_PORT)
        return 0;
    const uint8_t *message = udp + UDP_SIZE;
    length -= UDP_SIZE;
    if (message[OPERATION] != BOOT_REPLY || packet_read32(message + TRANSACTION) != transaction
        || packet_read32(message + COOKIE) != MAGIC_COOKIE || memcmp(message + CLIENT_MAC, host->mac, MAC_SIZE) != 0)
        return 0;
    uint8_t kind = 0;
    *lease = *host;
    lease->address = packet_read32(message + GRANTED);
    for (size_t i = OPTIONS; i < length && message[i] != OPTION_END;) {
        if (message[i] == OPTION_PAD) {
            i++;
            continue;
        }
        if (i + 2 > length || i + 2 + message[i + 1] > length)
            return 0;
        const uint8_t *value = message + i + 2;
        bool is_address = message[i + 1] >= 4;
        if (message[i] == OPTION_KIND && message[i + 1] == 1)
            kind = value[0];
        else if (message[i] == OPTION_MASK && is_address)
            lease->mask = packet_read32(value);
        else if (message[i] == OPTION_ROUTER && is_address)
            lease->gateway = packet_read32(value);
        else if (message[i] == OPTION_SERVER && is_address)
            lease->server = packet_read32(value);
        i += 2u + message[i + 1];
    }
    // A network that is closed to the outside may offer no router; its server is then the neighbour to talk to.
    if (!lease->gateway)
        lease->gateway = lease->server;
    return kind;
}
