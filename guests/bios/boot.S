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
started:
    .byte 0

// Ends the line before, if there is one.
line:
    pushw %ax
    cmpb $0, started
    movb $1, started
    je 1f
    movb $'\r', %al
    call putc
    movb $'\n', %al
    call putc
1:  popw %ax
    ret

// Says the text behind the call. No register is changed, nor any flag.
words:
    pushfw
    pushaw
    movw %sp, %bp
    movw 18(%bp), %si
1:  lodsb
    testb %al, %al
    jz 2f
    call putc
    jmp 1b
2:  movw %si, 18(%bp)
    popaw
    popfw
    ret

// Says and drops the word pushed before the call.
hex:
    pushfw
    pushaw
    movw %sp, %bp
    movw 20(%bp), %dx
    movw $4, %cx
1:  rolw $4, %dx
    movb %dl, %al
    andb $0x0f, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 2f
    addb $'a' - '0' - 10, %al
2:  call putc
    loop 1b
    popaw
    popfw
    ret $2

// Says and drops the flags pushed before the call: their carry.
flag:
    pushaw
    movw %sp, %bp
    movw 18(%bp), %ax
    andb $1, %al
    addb $'0', %al
    call putc
    popaw
    ret $2

putc:
    pushaw
    movb $0x0e, %ah
    movw $7, %bx
    int $0x10
    popaw
    ret

    .org 510
    .word 0xaa55
