// The services, one after the other; the disk's are in disk.S.

#include "text.h"

    .globl services
    .text

services:
    call basics

    begin "data"
    movw 0x400, %ax
    field "com1"
    movw 0x40e, %ax
    field "ebda"
    movw 0x475, %ax
    field "disks"

    call screen
    call disk
    call sizes
    call a20
    call map
    call move
    call clock
    call bus
    call keys
    begin "done"
    call line
    xorb %al, %al
    outb %al, $0xf4
1:  hlt
    jmp 1b

screen:
    begin "mode"
    movb $0x0f, %ah
    int $0x10
    field "ax"
    movb $0x03, %ah
    movb $0, %bh
    int $0x10
    field "shape", %cx
    call line
    // The cursor's row is whatever it is by now: set, asked for, and set back.
    movb $0x03, %ah
    int $0x10
    pushw %dx
    movb $0x02, %ah
    movw $0x0510, %dx
    int $0x10
    movb $0x03, %ah
    xorw %dx, %dx
    int $0x10
    movw %dx, %si
    popw %dx
    movb $0x02, %ah
    int $0x10
    begin "cursor"
    field "dx", %si
    // A string, and a character three times.
    begin "string "
    movb $0x03, %ah
    int $0x10
    movw $0x1301, %ax
    movw $7, %bx
    movw $text_end - text, %cx
    movw $text, %bp
    int $0x10
    movw $0x0a00 | 'x', %ax
    movw $3, %cx
    int $0x10
    ret
text:
    .ascii "written by 13h "
text_end:

a20:
    begin "a20-on"
    movw $0x2401, %ax
    int $0x15
    carry
    begin "a20"
    movw $0x2402, %ax
    int $0x15
    carry
    field "ax"
    begin "no-such"
    movw $0x5300, %ax
    int $0x15
    carry
    field "ax"
    ret

#include "memory.inc"

// 512 bytes up to 3 MiB and back to another place.
move:
    begin "move"
    movb $0x3c, %al
    call fill
    movw $up, %si
    movw $256, %cx
    movb $0x87, %ah
    int $0x15
    carry
    field "ax"
    movb $0, %al
    call fill
    movw $down, %si
    movw $256, %cx
    movb $0x87, %ah
    int $0x15
    carry
    field "first", BUFFER
    field "last", BUFFER+510
    ret
    .balign 8
up:
    .quad 0, 0, 0x000093000000ffff | BUFFER << 16, 0x000093300000ffff, 0, 0
down:
    .quad 0, 0, 0x000093300000ffff, 0x000093000000ffff | BUFFER << 16, 0, 0

// Three ticks counted by a hook of INT 1Ch and by INT 1Ah alike, within a tick.
clock:
    begin "clock"
    cli
    movw $hook, 0x1c * 4
    movw %cs, 0x1c * 4 + 2
    movw $0, hooked
    movb $0, %ah
    int $0x1a
    movw %dx, %si
    sti
1:  hlt
    cmpw $3, hooked
    jb 1b
    cli
    movb $0, %ah
    int $0x1a
    subw %si, %dx
    sti
    field "hooked", hooked
    field "ticks", %dx
    // 200 ms are three ticks or four, and more on a busy machine.
    cli
    movb $0, %ah
    int $0x1a
    movw %dx, %si
    movb $0x86, %ah
    movw $200000 >> 16, %cx
    movw $200000 & 0xffff, %dx
    int $0x15
    carry
    movb $0, %ah
    int $0x1a
    subw %si, %dx
    field "waited", %dx
    sti
    begin "time"
    movb $0x02, %ah
    int $0x1a
    carry
    field "hhmm", %cx
    movb $0x04, %ah
    int $0x1a
    field "year", %cx
    field "mmdd", %dx
    ret
hook:
    incw %cs:hooked
    iretw
    .balign 2
hooked:
    .word 0

bus:
    begin "pci"
    movw $0xb101, %ax
    int $0x1a
    carry
    field "ax"
    field "bx", %bx
    field "cx", %cx
    field "dx", %dx
    begin "pci-find"
    movw $0xb102, %ax
    movw $0x29c0, %cx
    movw $0x8086, %dx
    xorw %si, %si
    movw $-1, %bx
    int $0x1a
    carry
    field "ax"
    field "bx", %bx
    begin "pci-class"
    movw $0xb103, %ax
    movl $0x060000, %ecx
    xorw %si, %si
    movw $-1, %bx
    int $0x1a
    carry
    field "bx", %bx
    begin "pci-read"
    movw $0xb108, %ax
    movw $0, %bx
    movw $1, %di
    int $0x1a
    field "byte", %cx
    movw $0xb109, %ax
    movw $2, %di
    int $0x1a
    field "word", %cx
    movw $0xb10a, %ax
    movw $0, %di
    int $0x1a
    carry
    field "low", %cx
    shrl $16, %ecx
    field "high", %cx
    begin "pci-write"
    movw $0xb10c, %ax
    movw $4, %di
    movw $0x0106, %cx
    int $0x1a
    carry
    movw $0xb109, %ax
    int $0x1a
    field "command", %cx
    begin "pci-none"
    movw $0xb102, %ax
    movw $0x5678, %cx
    movw $0x1234, %dx
    xorw %si, %si
    int $0x1a
    carry
    field "ax"
    movw $0xb109, %ax
    movw $3, %di
    int $0x1a
    carry
    field "odd"
    ret

// What is typed: keys until an Escape.
keys:
    begin "flags"
    movb $0x02, %ah
    int $0x16
    movb $0, %ah
    field "al"
    movb $0x12, %ah
    int $0x16
    field "more"
    movb $0x05, %ah
    movw $0x1e61, %cx
    int $0x16
    movb $0, %ah
    field "pushed"
    call line
    call words
    .asciz "bios: type"
    call line
1:  movb $0x01, %ah
    int $0x16
    jz 1b
    movw %ax, %si
    movb $0x00, %ah
    int $0x16
    begin "key"
    field "peek", %si
    field "ax"
    cmpb $27, %al
    jne 1b
    // The same by the serial port.
    begin "serial "
    movb $0x01, %ah
    movb $'!', %al
    xorw %dx, %dx
    int $0x14
    movb $0x03, %ah
    xorw %dx, %dx
    int $0x14
    field "state"
    ret
