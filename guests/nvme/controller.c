#include "controller.h"

#include <stddef.h>

#include "bar.h"
#include "clock.h"
#include "interrupts.h"
#include "lapic.h"
#include "mmio.h"

// NVM Express 1.4, 3.1 (registers) and 3.1.24 (doorbells).
enum {
    CAP_LOW = 0x00, CAP_HIGH = 0x04, VS = 0x08, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ_LOW = 0x28, ASQ_HIGH = 0x2c,
    ACQ_LOW = 0x30,
    ACQ_HIGH = 0x34, DOORBELLS = 0x1000,
};
enum {
    CC_ENABLE = 1 << 0, CC_SUBMISSION_64 = 6 << 16, CC_COMPLETION_16 = 4 << 20, CSTS_READY = 1 << 0,
    CSTS_FATAL = 1 << 1,
};
enum { CLASS_NVME = 0x010802, CLASS_OFFSET = 0x08 };
enum { TIMEOUT_SHIFT = 24, TIMEOUT_UNIT = 500000, STRIDE_SHIFT = 32 };
enum { IDENTIFY = 0x06, IDENTIFY_CONTROLLER = 1, PHASE = 1 << 16, STATUS_SHIFT = 17 };
enum { ENTRIES = 8, ANSWER_LIMIT = 5000000 };

// 4.2 and 4.6.
struct submission {
    uint32_t command, namespace, reserved[4];
    uint64_t data[2];
    uint32_t arguments[6];
};
struct completion {
    uint32_t result, reserved, submission, status;
};
_Static_assert(sizeof(struct submission) == 64 && sizeof(struct completion) == 16, "as the controller lays them out");

static volatile struct submission submissions[ENTRIES] __attribute__((aligned(CONTROLLER_PAGE)));
static volatile struct completion completions[ENTRIES] __attribute__((aligned(CONTROLLER_PAGE)));
static unsigned sent, taken;
static unsigned vectors;
static volatile bool interrupted;

static uint32_t read(const struct controller *controller, unsigned offset) {
    return mmio_read32(controller->registers + offset);
}

static void write(const struct controller *controller, unsigned offset, uint32_t value)
{
    mmio_write32(controller->registers + offset, value);
}

const char *controller_find(unsigned slot, struct controller *controller)
{
    unsigned position = 0;
    do {
        if (!pci_next(&position, &controller->function))
            return "no NVMe controller found";
    } while ((slot && controller->function.slot != slot) ||
             pci_read32(controller->function, CLASS_OFFSET) >> 8 != CLASS_NVME);
    controller->registers = bar_map(controller->function, 0);
    if (!controller->registers)
        return "BAR 0 can't be reached";
    pci_command(controller->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    controller->version = read(controller, VS);
    if (controller->version == 0xffffffff)
        return "the registers read all ones";
    controller->capabilities = (uint64_t)read(controller, CAP_HIGH) << 32 | read(controller, CAP_LOW);
    if (!msix_find(controller->function, &controller->msix))
        return "no MSI-X table can be reached";
    return NULL;
}

unsigned controller_read_version(const struct controller *controller, unsigned count)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < count; i++)
        wrong += read(controller, VS) != controller->version;
    return wrong;
}

static bool is_ready(void *context) { return read(context, CSTS) & (CSTS_READY | CSTS_FATAL); }
static bool is_stopped(void *context) { return !(read(context, CSTS) & CSTS_READY); }

static uint64_t patience(const struct controller *controller)
{
    return ((controller->capabilities >> TIMEOUT_SHIFT & 0xff) + 1) * TIMEOUT_UNIT;
}

static const char *disable(struct controller *controller)
{
    write(controller, CC, 0);
    return clock_wait(is_stopped, controller, patience(controller))
               ? NULL
               : "the controller does not stop in the time it says it takes";
}

static void handle_completion(void *context)
{
    (void)context;
    interrupted = true;
}

static void open_vectors(const struct controller *controller, unsigned unmasked)
{
    const struct msix *msix = &controller->msix;
    vectors = unmasked < 1 ? 1 : unmasked > msix->count ? msix->count : unmasked;
    msix_control(msix, true, true);
    for (unsigned i = 0; i < vectors; i++) {
        interrupt_handle((uint8_t)(VECTOR_DEVICES + i), handle_completion, NULL);
        msix_program(msix, i, MSI_ADDRESS(lapic_id()), VECTOR_DEVICES + i);
        msix_mask(msix, i, false);
    }
    msix_control(msix, true, false);
}

const char *controller_start(struct controller *controller, unsigned unmasked)
{
    const char *problem = disable(controller);
    if (problem)
        return problem;
    sent = taken = 0;
    for (unsigned i = 0; i < ENTRIES; i++)
        completions[i].status = 0;
    open_vectors(controller, unmasked);
    write(controller, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
    write(controller, ASQ_LOW, (uint32_t)(uint64_t)submissions);
    write(controller, ASQ_HIGH, 0);
    write(controller, ACQ_LOW, (uint32_t)(uint64_t)completions);
    write(controller, ACQ_HIGH, 0);
    write(controller, CC, CC_ENABLE | CC_SUBMISSION_64 | CC_COMPLETION_16);
    if (!clock_wait(is_ready, controller, patience(controller)))
        return "the controller is not ready in the time it says it takes";
    return read(controller, CSTS) & CSTS_FATAL ? "the controller says that it failed" : NULL;
}

static void ring(const struct controller *controller, unsigned doorbell, unsigned value)
{
    write(controller, DOORBELLS + doorbell * (4u << (controller->capabilities >> STRIDE_SHIFT & 0xf)), value);
}

// The completion is looked at only after an interrupt: a lost one is a failure here, not a delay.
static bool is_interrupted(void *context)
{
    (void)context;
    return interrupted;
}

void controller_send_identify(struct controller *controller, uint64_t address)
{
    volatile struct submission *submission = &submissions[sent % ENTRIES];
    submission->command = IDENTIFY | (uint32_t)(uint16_t)sent << 16;
    submission->namespace = 0;
    submission->data[0] = address;
    submission->data[1] = 0;
    submission->arguments[0] = IDENTIFY_CONTROLLER;
    for (unsigned i = 1; i < 6; i++)
        submission->arguments[i] = 0;
    interrupted = false;
    ring(controller, 0, ++sent % ENTRIES);
}

const char *controller_identify(struct controller *controller, uint64_t address, struct answer *answer)
{
    uint64_t begin = clock_now();
    controller_send_identify(controller, address);
    if (!clock_wait(is_interrupted, NULL, ANSWER_LIMIT))
        return "no interrupt came for a command";
    answer->microseconds = clock_now() - begin;
    uint32_t status = completions[taken % ENTRIES].status;
    // The phase bit is 1 in the first round through the queue and changes with each.
    if ((bool)(status & PHASE) != (taken / ENTRIES % 2 == 0))
        return "an interrupt came, but no completion";
    if ((uint16_t)status != (uint16_t)(sent - 1))
        return "the completion is that of another command";
    answer->status = (uint16_t)(status >> STATUS_SHIFT);
    ring(controller, 1, ++taken % ENTRIES);
    return NULL;
}

uint64_t controller_interrupts(void) { return interrupt_counts[VECTOR_DEVICES]; }

uint64_t controller_stray_interrupts(void)
{
    uint64_t count = 0;
    for (unsigned i = 1; i < vectors; i++)
        count += interrupt_counts[VECTOR_DEVICES + i];
    return count;
}

const char *controller_stop(struct controller *controller)
{
    const char *problem = disable(controller);
    msix_control(&controller->msix, false, false);
    pci_command(controller->function, 0, PCI_COMMAND_MASTER);
    return problem;
}
