// Ends in the way it is told to, so that each outcome a VMM reports can be seen for real.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "cmos.h"
#include "console.h"
#include "ending.h"
#include "interrupts.h"
#include "port.h"

const char guest_name_text[] = "ends";

static void exit_now(void) { exit_with((uint8_t)argument_number("value", 0)); }

// The exit port takes wider writes too, as test kernels for QEMU make them.
static void exit_by_word(void) { port_write16(0xf4, (uint16_t)argument_number("value", 0)); }

static void exit_by_dword(void) { port_write32(0xf4, (uint32_t)argument_number("value", 0)); }

static void undefined_instruction(void) { __asm__ volatile("ud2"); }

// An exception whose handler takes another that nothing can handle.
static void fault_again(void *context)
{
    (void)context;
    end_by_triple_fault();
}

static __attribute__((noinline)) void broken_handler(void)
{
    interrupt_handle(6, fault_again, 0);
    undefined_instruction();
}

// Code where no memory is can't be emulated either: KVM gives up, with an internal error of its own.
#define ABSENT_MEMORY 0xd0000000ull

static void fetch(void) { ((void (*)(void))ABSENT_MEMORY)(); }

static const struct {
    const char *name;
    void (*act)(void);
} endings[] = {
    {"exit", exit_now},
    {"exit-word", exit_by_word},
    {"exit-dword", exit_by_dword},
    {"poweroff", end_by_power_off},
    {"reset", end_by_reset},
    {"reset-full", end_by_full_reset},
    {"reset-kbd", end_by_keyboard_reset},
    {"reset-kbd-output", end_by_keyboard_output},
    {"reset-92", end_by_system_control},
    {"reset-acpi", end_by_acpi_reset},
    {"triplefault", end_by_triple_fault},
    {"handler", broken_handler},
    {"panic", end_by_panic},
    {"exception", undefined_instruction},
    {"fetch", fetch},
    {"hang", hang},             // the two that are meant never to come back
    {"spin", spin},
};

// A word that a machine which began anew can't hold, in RAM that no loader fills.
#define MARK 0x6b72616d2d646e65ull
static bool is_marked(void)
{
    volatile uint64_t *place = (volatile uint64_t *)(boot.ram_end - 4096);
    bool was = *place == MARK;
    *place = MARK;
    return was;
}

uint8_t guest_main(void)
{
    char end[24];
    if (is_marked()) {
        say("RAM holds what was written before the reset");
        return EXIT_FAIL;
    }
    uint64_t until = argument_number("until", 0);
    if (until && cmos_seconds() >= until) {
        say("it is time");
        return EXIT_PASS;
    }
    if (!argument_text("end", end, sizeof end))
        memcpy(end, "exit", sizeof "exit");
    for (unsigned i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (!text_equal(end, endings[i].name))
            continue;
        say("%s", end);
        endings[i].act();
        // A reset or a power-off may be served by another thread of the VMM a moment later.
        for (unsigned pause = 0; pause < 100000; pause++)
            __asm__ volatile("pause");
        say("still here after %s", end);
        return EXIT_NOT_ENDED;
    }
    say("end=%s is unknown", end);
    return EXIT_BAD_ARGUMENT;
}
