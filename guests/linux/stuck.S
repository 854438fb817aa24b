// A module whose initial function never comes back: with one processor and no preemption nothing else is run.
#define MODULE "stuck"
#include "module.h"

    .globl init_module
    .type init_module, @function
init_module:
    call stuck_wait
    xor %eax, %eax
    ret
    .size init_module, . - init_module

    .type stuck_wait, @function
stuck_wait:
    pause
    jmp stuck_wait
    .size stuck_wait, . - stuck_wait
