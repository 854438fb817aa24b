// INT 13h: the boot disk by geometry and by sector numbers, read, written, and where it has to refuse.

#include "text.h"

    .globl disk, fill
    .text

    // The service asked for, of the boot disk.
    .macro ask
    movb drive, %dl
    int $0x13
    carry
    .endm

    // A service of AH on AL sectors of cylinder 1, head 1, to or from the buffer.
    .macro transfer function, sector
    movw \function, %ax
    movw $BUFFER, %bx
    movw \sector, %cx
    movb $1, %dh
    ask
    .endm

// Fills the buffer with AL.
fill:
    movw $BUFFER, %di
    movw $512, %cx
    rep stosb
    ret

disk:
    begin "disk-geometry"
    movb $0x08, %ah
    movb drive, %dl
    xorw %bx, %bx
    xorw %di, %di
    int $0x13
    carry
    field "bx", %bx
    field "cx", %cx
    field "dx", %dx
    pushw %ds
    popw %es
    begin "disk-type"
    movb $0x15, %ah
    movb drive, %dl
    xorw %cx, %cx
    xorw %dx, %dx
    ask
    field "ax"
    field "cx", %cx
    field "dx", %dx
    begin "disk-other"
    movw $0x0201, %ax
    movb drive, %dl
    xorb $0x80, %dl
    movw $BUFFER, %bx
    movw $0x0001, %cx
    movb $0, %dh
    int $0x13
    carry
    field "ax"

    // Cylinder 1, head 1, sector 3 holds its own name.
    begin "disk-read"
    movb $0, %al
    call fill
    transfer $0x0201, $0x0103
    field "ax"
    field "first", BUFFER
    field "last", BUFFER+510
    begin "disk-write"
    movb $0x5a, %al
    call fill
    transfer $0x0301, $0x0103
    field "ax"
    movb $0, %al
    call fill
    transfer $0x0203, $0x0102
    field "before", BUFFER+510
    field "first", BUFFER+512
    field "last", BUFFER+1022
    field "behind", BUFFER+1024
    begin "disk-verify"
    movw $0x0401, %ax
    movw $0x0103, %cx
    movb $1, %dh
    ask
    field "ax"
    begin "disk-outside"
    movw $0x0201, %ax
    movw $BUFFER, %bx
    movw $0xfffe, %cx
    movb $0, %dh
    ask
    field "ax"
    movb $0x01, %ah
    movb drive, %dl
    int $0x13
    field "status"
    begin "disk-no-sector"
    movw $0x0201, %ax
    movw $0x0000, %cx
    ask
    field "ax"

    begin "disk-extensions"
    movb $0x41, %ah
    movw $0x55aa, %bx
    ask
    field "bx", %bx
    field "cx", %cx
    jnc 1f
    ret
1:  begin "disk-parameters"
    movb $0x48, %ah
    movb drive, %dl
    movw $BUFFER, %si
    movw $0x1a, (%si)
    int $0x13
    carry
    field "cylinders", BUFFER+4
    field "heads", BUFFER+8
    field "sectors", BUFFER+12
    field "total", BUFFER+16
    field "bytes", BUFFER+24
    // Sector 8 by its number, to a far address.
    begin "disk-extended-read"
    movb $0, %al
    call fill
    movw $packet, %si
    movb $0x42, %ah
    ask
    field "ax"
    field "first", BUFFER
    begin "disk-extended-write"
    movb $0xa5, %al
    call fill
    movw $packet, %si
    movb $0x43, %ah
    ask
    movb $0, %al
    call fill
    movw $packet, %si
    movb $0x42, %ah
    movb drive, %dl
    int $0x13
    field "first", BUFFER
    // Behind the end; and into no RAM.
    begin "disk-extended-outside"
    movw $packet, %si
    movl $0x00ffffff, packet + 8
    movb $0x42, %ah
    ask
    field "ax"
    field "count", packet+2
    begin "disk-no-memory"
    movw $1, packet + 2
    movl $8, packet + 8
    movb $0x18, packet
    movl $-1, packet + 4
    movl $0xc0000000, packet + 16
    movb $0x42, %ah
    ask
    field "ax"
    ret
    .balign 4
packet:
    .byte 0x10, 0
    .word 1, BUFFER & 0x0f, BUFFER >> 4
    .quad 8, 0
