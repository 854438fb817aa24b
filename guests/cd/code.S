// The boot code of a CD: how it was entered, and what INT 13h says and reads.

#define GUEST "cd"
#include "../bios/text.h"

// Where the Makefile puts the code, and behind it four sectors' worth of D.
#define CODE 19
#define LETTERS 22

    .section .text
    .globl _start
_start:
    call 1f
1:  popw %bx
    subw $1b - _start, %bx
    movw %cs, %cx
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, drive
    movzbw %dl, %dx
    begin "boot"
    field "dl", %dx
    field "cs", %cx
    field "ip", %bx
    begin "status"
    movw $0x4b01, %ax
    movw $BUFFER, %si
    call ask
    field "ax"
    field "size", BUFFER
    field "drive", BUFFER+2
    field "first", BUFFER+4
    field "segment", BUFFER+12
    field "count", BUFFER+14
    begin "extensions"
    movb $0x41, %ah
    movw $0x55aa, %bx
    call ask
    field "bx", %bx
    begin "parameters"
    movb $0x48, %ah
    movw $BUFFER, %si
    movw $0x1a, (%si)
    call ask
    field "sectors", BUFFER+16
    field "bytes", BUFFER+24
    begin "read"
    movb $0x42, %ah
    movw $packet, %si
    call ask
    field "ax"
    field "before", 0x9ffe
    field "first", BUFFER
    field "last", BUFFER+4094
    field "behind", BUFFER+4096
    begin "write"
    movb $0x43, %ah
    movw $packet, %si
    call ask
    field "ax"
    begin "outside"
    movb $0x42, %ah
    movl $32, packet + 8
    movw $packet, %si
    call ask
    field "ax"
    field "count", packet+2
    begin "far"
    movb $0x42, %ah
    movw $1, packet + 2
    movl $0x40000000, packet + 8
    movw $packet, %si
    call ask
    field "ax"
    begin "far-high"
    movb $0x42, %ah
    movl $1, packet + 12
    movl $0, packet + 8
    movw $packet, %si
    call ask
    field "ax"
    begin "tracks"
    movw $0x0201, %ax
    movw $BUFFER, %bx
    movw $1, %cx
    movb $0, %dh
    call ask
    field "ax"
    begin "other"
    movw $0x4b01, %ax
    movb $0x80, %dl
    movw $BUFFER, %si
    int $0x13
    carry
    begin "end"
    call line
    xorb %al, %al
    outb %al, $0xf4
1:  hlt
    jmp 1b

// INT 13h of the drive, and its carry said.
ask:
    movb drive, %dl
    int $0x13
    carry
    ret

#include "../bios/text.inc"

drive:
    .byte 0
    .balign 4
packet:
    .byte 0x10, 0
    .word 2, BUFFER & 0x0f, BUFFER >> 4
    .quad LETTERS, 0
    // Entered whole: the last of it is in the code's last sector.
    .org 3 * 2048

    .section .note.GNU-stack, "", @progbits
