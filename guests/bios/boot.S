// A disk that calls every service of the BIOS it was booted by and says what it saw. Its first sector loads the others.

#include "text.h"

    .globl _start, line, words, hex, flag, drive, last_sector
    .text
_start:
    // As firmware left it.
    cli
    pushw %cs
    call 1f
1:  popw %si
    popw %di
    subw $1b - _start, %si
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
    ljmp $0, $2f
2:  movb %dl, drive
    movw %di, entered
    movw %si, entered + 2
    movb $0, %ah
    int $0x13
    // 8 sectors of head 0, cylinder 0, from the second on.
    movw $0x0208, %ax
    movw $0x7e00, %bx
    movw $0x0002, %cx
    movb $0, %dh
    movb drive, %dl
    int $0x13
    jnc 3f
    movw %ax, %bx
    begin "load"
    field "ax", %bx
    call line
    movb $1, %al
    outb %al, $0xf4
    hlt
3:  begin "boot"
    movzbw drive, %ax
    field "dl"
    field "cs", entered
    field "ip", "entered + 2"
    jmp services

drive:
    .byte 0
    .balign 2
entered:
    .word 0, 0
#include "text.inc"

    .org 510
    .word 0xaa55
