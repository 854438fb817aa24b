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
    cmpb $CD_DRIVE, %cs:P_DRIVE
    je boot_cd
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

// The boot code of a CD without emulation: as many sectors as its catalog says, entered at their first byte.
boot_cd:
    pushw $EBDA
    popw %es
    movw %cs:P_CD_COUNT, %ax
    movw %ax, %es:REQUEST_COUNT
    movzwl %cs:P_CD_SEGMENT, %eax
    movw %ax, %bx
    movw %ax, %cx
    shll $4, %eax
    movl %eax, %es:REQUEST_BUFFER
    movl $0, %es:REQUEST_BUFFER + 4
    movl %cs:P_CD_FIRST, %eax
    shll $2, %eax
    movl %eax, %es:REQUEST_SECTOR
    movl $0, %es:REQUEST_SECTOR + 4
    movw $1, %di
    call transfer
    movw $unreadable_text, %si
    testb %ah, %ah
    jnz say
    // 07c0:0000 is entered as 0000:7c00.
    andw $0xf000, %bx
    shlw $4, %cx
    pushw %bx
    pushw %cx
    movw $CD_DRIVE, %dx
    xorw %ax, %ax
    movw %ax, %es
    xorw %bx, %bx
    xorw %cx, %cx
    xorw %si, %si
    xorw %di, %di
    xorw %bp, %bp
    lret

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
