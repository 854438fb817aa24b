// An NVMe controller, whose registers share BAR 0 with its MSI-X table: registers read directly, Identify by interrupt,
// DMA at RAM's ends.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "clock.h"
#include "console.h"
#include "controller.h"
#include "ending.h"
#include "interrupts.h"
#include "lapic.h"
#include "port.h"

enum { DEFAULT_READS = 10000, DEFAULT_COMMANDS = 6, SECOND = 1000000 };

// An IOMMU with one fault register (QEMU's VT-d) drops a fault while the host still prints the one before.
enum { FAULT_TIME = SECOND / 2 };

enum { MODEL_OFFSET = 24, MODEL_SIZE = 40 };            // NVM Express 1.4, figure 247
enum { LINE_STATUS = COM1 + 5, DATA_READY = 1 };

const char guest_name_text[] = "nvme";

static struct controller controller;
static uint8_t identity[CONTROLLER_PAGE] __attribute__((aligned(CONTROLLER_PAGE)));
static uint8_t saved[CONTROLLER_PAGE];
static char model[MODEL_SIZE + 1];

static const char *identify(uint64_t address, uint16_t *status)
{
    struct answer answer = {0, 0};
    const char *problem = controller_identify(&controller, address, &answer);
    *status = answer.status;
    return problem;
}

static const char *read_model(void)
{
    uint16_t status;
    memset(identity, 0, sizeof identity);
    const char *problem = identify((uint64_t)identity, &status);
    if (problem || status)
        return problem ? problem : "the controller refuses Identify";
    size_t length = MODEL_SIZE;
    while (length && (identity[MODEL_OFFSET + length - 1] == ' ' || !identity[MODEL_OFFSET + length - 1]))
        length--;
    memcpy(model, identity + MODEL_OFFSET, length);
    model[length] = 0;
    return length ? NULL : "the controller gives no model name";
}

static const char *read_model_repeatedly(uint64_t count)
{
    const char *problem = NULL;
    for (uint64_t i = 0; i < count && !problem; i++)
        problem = read_model();
    return problem;
}

// What the page held before is put back: it may be anybody's.
static const char *reach(uint64_t address)
{
    uint8_t *page = (uint8_t *)address;
    __asm__("" : "+r"(page));       // page 0 is RAM like any other here
    uint16_t status;
    memcpy(saved, page, sizeof saved);
    memset(page, 0xa5, CONTROLLER_PAGE);
    const char *problem = identify(address, &status);
    bool arrived = memcmp(page, identity, CONTROLLER_PAGE) == 0;
    memcpy(page, saved, sizeof saved);
    if (problem)
        return problem;
    say("DMA to RAM at 0x%lx %s", address, arrived ? "ok" : "FAIL did not arrive");
    return arrived ? NULL : "DMA to RAM did not arrive";
}

// The controller has to go on after a transfer that came to nothing. Only the host's log can tell that it did.
static const char *miss(uint64_t address)
{
    uint16_t status;
    const char *problem = identify(address, &status);
    if (!problem)
        say("DMA outside of RAM to 0x%lx answered with status 0x%x", address, status);
    return problem;
}

static const char *check_memory(void)
{
    const uint64_t inside[] = {0, boot.ram_end / 2 & ~(uint64_t)(CONTROLLER_PAGE - 1), boot.ram_end - CONTROLLER_PAGE};
    const uint64_t outside[] = {boot.ram_end, 1ull << 32};
    const char *problem = NULL;
    for (unsigned i = 0; i < sizeof inside / sizeof inside[0] && !problem; i++)
        problem = reach(inside[i]);
    if (argument_is("dma", "outside"))
        for (unsigned i = 0; i < sizeof outside / sizeof outside[0] && !problem; i++) {
            problem = miss(outside[i]);
            clock_sleep(FAULT_TIME);
        }
    return problem;
}

static bool has_input(void *context)
{
    (void)context;
    return port_read8(LINE_STATUS) & DATA_READY;
}

static void hold(uint64_t seconds)
{
    if (!seconds)
        return;
    say("holding until something is typed");
    if (clock_wait(has_input, NULL, seconds * SECOND))
        port_read8(COM1);
    say("going on");
}

// The answer's interrupt stays with the mask: who waits for it waits for ever.
static _Noreturn void wait_masked(void)
{
    msix_mask(&controller.msix, 0, true);
    controller_send_identify(&controller, (uint64_t)identity);
    while (!msix_is_pending(&controller.msix, 0))
        __asm__ volatile("pause");
    say("waiting for vector 0, which is masked and pends");
    lapic_timer_start(0);
    interrupts_on();
    for (;;)
        __asm__ volatile("hlt");
}

static const char *run(void)
{
    const char *problem = controller_find((unsigned)argument_number("slot", 0), &controller);
    if (problem)
        return problem;
    say("00:%02x.%u version 0x%x capabilities 0x%lx, %u vectors in the table at offset 0x%lx of BAR 0",
        controller.function.slot, controller.function.function, controller.version, controller.capabilities,
        controller.msix.count, controller.msix.table - controller.registers);
    unsigned reads = (unsigned)argument_number("reads", DEFAULT_READS);
    uint64_t begin = clock_now();
    if (controller_read_version(&controller, reads))
        return "the version register changes";
    say("%u reads of the version in %lu us", reads, clock_now() - begin);
    problem = controller_start(&controller, (unsigned)argument_number("unmask", 1));
    if (!problem && argument_is("wait", "masked"))
        wait_masked();
    uint64_t commands = argument_number("commands", DEFAULT_COMMANDS);
    if (!problem)
        problem = read_model_repeatedly(commands - commands / 2);
    if (!problem)
        problem = check_memory();
    uint64_t before_hold = controller_interrupts();
    if (!problem)
        hold(argument_number("hold", 0));
    if (!problem && controller_interrupts() != before_hold)
        problem = "interrupts came with nothing asked";
    if (!problem)
        problem = read_model_repeatedly(commands / 2);
    const char *end = controller_stop(&controller);
    return problem ? problem : end;
}

uint8_t guest_main(void)
{
    clock_start();
    const char *problem = run();
    if (!problem && controller_stray_interrupts())
        problem = "an interrupt came on a vector that nothing uses";
    say("model \"%s\" irqs=%lu %s%s", model, controller_interrupts(), problem ? "FAIL " : "PASS",
        problem ? problem : "");
    return problem ? EXIT_FAIL : EXIT_PASS;
}
