// What a kernel finds of the BIOS when it goes back to real mode: data areas, interrupt controllers, services.

#define GUEST "remains"
#include "../bios/text.h"

    .globl leave_protected, real, ends_by_reset
    .section .real, "ax"

// From protected mode, in a segment of 16 bits whose base is 0.
leave_protected:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    lidtl vectors
    movl %cr0, %eax
    andb $0xfe, %al
    movl %eax, %cr0
    ljmp $0, $real

real:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    begin "pic"
    inb $0x21, %al
    movb %al, %ah
    inb $0xa1, %al
    field "masks"
    begin "data"
    movw 0x400, %ax
    field "com1"
    movw 0x40e, %ax
    field "ebda"
    movw 0x413, %ax
    field "base"
    movw 0x40e, %es
    movw %es:0, %ax
    field "size"
    xorw %ax, %ax
    movw %ax, %es
    call basics
    call sizes
    call map
    begin "disk"
    movw $0x0201, %ax
    movw $BUFFER, %bx
    movw $1, %cx
    movw $0x80, %dx
    int $0x13
    carry
    // The timer ticks: IRQ 0 comes at vector 8, and its handler counts.
    begin "ticks"
    sti
    movw 0x46c, %bx
1:  hlt
    movw 0x46c, %ax
    subw %bx, %ax
    cmpw $2, %ax
    jb 1b
    field "ax"
    begin "end"
    call line
    cmpb $0, ends_by_reset
    je 2f
    ljmp $0xffff, $0
2:  xorb %al, %al
    outb %al, $0xf4
3:  hlt
    jmp 3b

#include "../bios/memory.inc"
#include "../bios/text.inc"

    .balign 4
vectors:
    .word 0x3ff
    .long 0
ends_by_reset:
    .byte 0
