// A NIC driver that gets a lease and pings the gateway, woken by nothing but the NIC's interrupts.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "clock.h"
#include "console.h"
#include "delivery.h"
#include "e1000.h"
#include "ending.h"
#include "packet.h"

enum { SECOND = 1000000, RESEND = 3 * SECOND, DEFAULT_TIMEOUT = 60, DEFAULT_ECHOES = 5 };
enum { TRANSACTION = 0x73776966, IDENTIFIER = 0x7377 };

const char guest_name_text[] = "nic";

static struct e1000 nic;
static struct host host;
static uint8_t incoming[PACKET_LIMIT], outgoing[PACKET_LIMIT];
static size_t incoming_length;
static uint64_t deadline;

#define IP "%u.%u.%u.%u"
#define IP_BYTES(address) (address) >> 24, (address) >> 16 & 255, (address) >> 8 & 255, (address) & 255

static bool has_frames(void *context)
{
    (void)context;
    return delivery_has_frames();
}

static bool has_link(void *context)
{
    (void)context;
    return e1000_has_link(&nic);
}

// Takes frames until `wanted` says one is it. The ring is looked at only after an interrupt, even where a frame is
// there already: a lost interrupt is a failure here, not a delay.
static bool receive(bool (*wanted)(void *context), void *context, uint64_t microseconds)
{
    static bool left_over;      // frames that came with an interrupt already taken
    uint64_t end = clock_now() + microseconds;
    if (end > deadline)
        end = deadline;
    for (;;) {
        uint64_t now = clock_now();
        if (!left_over && (now >= end || !clock_wait(has_frames, NULL, end - now)))
            return false;
        delivery_take();
        while ((incoming_length = e1000_receive(&nic, incoming)) != 0) {
            size_t answer = arp_write_answer(outgoing, &host, incoming, incoming_length);
            if (answer)
                e1000_send(&nic, outgoing, answer);
            if (wanted(context)) {
                left_over = e1000_has_frame(&nic);
                return true;
            }
        }
        left_over = false;
    }
}

struct dhcp_wait {
    uint8_t kind;
    struct host lease;
    bool refused;
};

static bool is_dhcp(void *context)
{
    struct dhcp_wait *wait = context;
    struct host lease;
    uint8_t kind = dhcp_read(incoming, incoming_length, &host, TRANSACTION, &lease);
    wait->refused = kind == DHCP_NAK;
    if (kind != wait->kind && !wait->refused)
        return false;
    wait->lease = lease;
    return true;
}

static bool ask_dhcp(uint8_t question, struct dhcp_wait *answer)
{
    struct host offer = answer->lease;
    while (clock_now() < deadline) {
        e1000_send(&nic, outgoing,
                   dhcp_write(outgoing, &host, question, TRANSACTION, question == DHCP_REQUEST ? &offer : NULL));
        if (receive(is_dhcp, answer, RESEND))
            return true;
    }
    return false;
}

static bool is_arp_reply(void *context)
{
    (void)context;
    host.gateway_mac = arp_read_reply(incoming, incoming_length, host.gateway);
    return host.gateway_mac;
}

struct echo {
    uint16_t sequence;
    uint8_t time_to_live;
};

static bool is_echo_reply(void *context)
{
    struct echo *echo = context;
    echo->time_to_live = icmp_read_reply(incoming, incoming_length, &host, IDENTIFIER, echo->sequence);
    return echo->time_to_live;
}

static const char *get_lease(void)
{
    struct dhcp_wait wait = {.kind = DHCP_OFFER};
    if (!ask_dhcp(DHCP_DISCOVER, &wait) || wait.refused)
        return "no DHCP offer in time";
    wait.kind = DHCP_ACK;
    if (!ask_dhcp(DHCP_REQUEST, &wait))
        return "no DHCP acknowledgement in time";
    if (wait.refused)
        return "the DHCP server refused the lease";
    host = wait.lease;
    say("lease " IP " mask " IP " gateway " IP, IP_BYTES(host.address), IP_BYTES(host.mask), IP_BYTES(host.gateway));
    return NULL;
}

static const char *find_gateway(void)
{
    while (clock_now() < deadline) {
        e1000_send(&nic, outgoing, arp_write_request(outgoing, &host, host.gateway));
        if (receive(is_arp_reply, NULL, RESEND))
            return NULL;
    }
    return "the gateway did not answer ARP in time";
}

static unsigned ping(unsigned echoes)
{
    unsigned answered = 0;
    for (struct echo echo = {1, 0}; echo.sequence <= echoes; echo.sequence++) {
        uint64_t begin = clock_now();
        e1000_send(&nic, outgoing, icmp_write_request(outgoing, &host, IDENTIFIER, echo.sequence));
        if (receive(is_echo_reply, &echo, RESEND)) {
            answered++;
            say("echo seq=%u ttl=%u %lu us", echo.sequence, echo.time_to_live, clock_now() - begin);
        } else {
            say("echo seq=%u lost", echo.sequence);
        }
    }
    return answered;
}

static const char *run(enum delivery_kind kind, uint64_t slot, unsigned echoes, unsigned *answered)
{
    if (!e1000_find((unsigned)slot, &nic))
        return slot ? "no 82574L or 82540EM in that slot" : "no 82574L or 82540EM found";
    const char *problem = e1000_open(&nic);
    if (problem)
        return problem;
    for (unsigned i = 0; i < sizeof nic.mac; i++)
        host.mac = host.mac << 8 | nic.mac[i];
    say("%s at 00:%02x.%u mac %02x:%02x:%02x:%02x:%02x:%02x", nic.model == E1000_82574L ? "82574L" : "82540EM",
        nic.function.slot, nic.function.function, nic.mac[0], nic.mac[1], nic.mac[2], nic.mac[3], nic.mac[4],
        nic.mac[5]);
    problem = delivery_prepare(&nic, kind);
    if (problem)
        return problem;
    delivery_open();
    e1000_start(&nic);
    if (!clock_wait(has_link, NULL, deadline - clock_now()))
        return "no link in time";
    say("link up");
    problem = get_lease();
    if (!problem)
        problem = find_gateway();
    if (!problem) {
        *answered = ping(echoes);
        if (*answered < echoes)
            problem = "echoes were lost";
    }
    delivery_close();
    e1000_stop(&nic);
    delivery_report();
    if (!problem && delivery_count() == 0)
        problem = "no interrupt came";
    return problem;
}

uint8_t guest_main(void)
{
    enum delivery_kind kind = DELIVERY_MSIX;
    char irq[8];
    if (argument_text("irq", irq, sizeof irq)) {
        for (kind = DELIVERY_INTX; kind <= DELIVERY_MSIX && !text_equal(irq, delivery_name(kind)); kind++)
            ;
        if (kind > DELIVERY_MSIX) {
            say("irq=%s is none of intx, msi, msix", irq);
            return EXIT_BAD_ARGUMENT;
        }
    }
    unsigned echoes = (unsigned)argument_number("echoes", DEFAULT_ECHOES), answered = 0;
    uint64_t timeout = argument_number("timeout", DEFAULT_TIMEOUT), slot = argument_number("slot", 0);
    say("irq=%s", delivery_name(kind));
    clock_start();
    deadline = clock_now() + timeout * SECOND;
    const char *problem = run(kind, slot, echoes, &answered);
    say("irq=%s ip=" IP " echo=%u/%u irqs=%lu %s%s", delivery_name(kind), IP_BYTES(host.address), answered, echoes,
        delivery_count(), problem ? "FAIL " : "PASS", problem ? problem : "");
    return problem ? EXIT_FAIL : EXIT_PASS;
}
