// A program that a stock GNU Mach starts from a module. Mach says on its console that it did, and the task spins in one
// place, its first instruction: the post-mortem finds the processor there. It makes no system call: Debian's kernel for
// amd64 has `ud2` where those come in.

    .section .text, "ax"
    .code32
    .globl start
start:
    jmp start

    .section .note.GNU-stack, "", @progbits
