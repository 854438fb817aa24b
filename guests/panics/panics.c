// Says what a Linux kernel says when it panics or oopses, and then does what such a kernel may do.
#include "arguments.h"
#include "boot.h"
#include "bytes.h"
#include "console.h"
#include "ending.h"

const char guest_name_text[] = "panics";

static void panic(void)
{
    console_print("[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n");
    console_print("[    1.234600] CPU: 0 PID: 1 Comm: swapper/0 Not tainted\n");
    console_print("[    1.234650] Call Trace:\n[    1.234700]  mount_root_generic+0x1a5/0x380\n");
    console_print("[    1.234900] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on "
                  "unknown-block(0,0) ]---\n");
}

static void oops(void)
{
    console_print("[    1.234567] BUG: kernel NULL pointer dereference, address: 0000000000000008\n");
    console_print("[    1.234600] Oops: 0002 [#1] PREEMPT SMP NOPTI\n"
                  "[    1.234650] RIP: 0010:faulty_init+0x5/0x10 [faulty]\n");
    console_print("[    1.234900] ---[ end trace 0000000000000000 ]---\n");
}

uint8_t guest_main(void)
{
    if (argument_is("says", "oops"))
        oops();
    else if (argument_is("says", "warning"))
        console_print("[    1.234567] WARNING: CPU: 0 PID: 1 at kernel/foo.c:12 bar+0x1/0x2\n");
    else
        panic();
    if (argument_is("then", "reset"))
        end_by_reset();
    if (argument_is("then", "poweroff"))
        end_by_power_off();
    if (argument_is("then", "exit"))
        return 0;
    spin();
}
