// The way in as a flat binary: in real mode, at the file's first byte.

    .section .text, "ax"
    .code16
    .globl start
start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %es
    movw $real_load, %si
    movw $real_start, %di
    movw $real_size, %cx
    rep movsb %cs:(%si), %es:(%di)
    ljmp $0, $real

    .section .note.GNU-stack, "", @progbits
