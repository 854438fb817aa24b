// INT 19h boots the disk; INT 18h is for boot code that gave up.

#include "rom.h"

    .globl int18, int19, give_up
    .text

int19:
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7c00, %sp
    movw %ax, %ds
    movw %ax, %es
    sti
    movw $3, %di
1:  movw $0x0201, %ax
    movw $0x7c00, %bx
    movw $0x0001, %cx
    movb $0, %dh
    movb %cs:P_DRIVE, %dl
    int $0x13
    jnc 2f
    movb $0, %ah
    int $0x13
    decw %di
    jnz 1b
    movw $unreadable_text, %si
    jmp say
2:  cmpw $0xaa55, 0x7c00 + 510
    movw $signature_text, %si
    jne say
    movzbw %cs:P_DRIVE, %dx
    xorw %ax, %ax
    xorw %bx, %bx
    xorw %cx, %cx
    xorw %si, %si
    xorw %di, %di
    xorw %bp, %bp
    ljmp $0x0000, $0x7c00

int18:
    movw $refused_text, %si
say:
    pushw $BDA
    popw %ds
    call print
give_up:
    movw $FAILURE_PORT, %dx
    outb %al, %dx
1:  hlt
    jmp 1b

    .section .rodata
unreadable_text:
    .asciz "\r\nROM: the boot sector can't be read\r\n"
signature_text:
    .asciz "\r\nROM: the boot sector has no signature\r\n"
refused_text:
    .asciz "\r\nROM: the boot code gave up\r\n"
    .text
