// A module whose initial function writes to a null pointer.
#define MODULE "faulty"
#include "module.h"

    .globl init_module
    .type init_module, @function
init_module:
    xor %edi, %edi
    call faulty_write
    xor %eax, %eax
    ret
    .size init_module, . - init_module

    .type faulty_write, @function
faulty_write:
    movl $1, 8(%rdi)
    ret
    .size faulty_write, . - faulty_write
