// Where the processor starts, and what it does before it boots: interrupt vectors, data areas, the board's chips.

#include "rom.h"

    // Filled in by the VMM before the guest runs.
    .section .parameters, "a"
    .globl parameters
parameters:
    .ascii "swiftlet"
    .zero PARAMETERS_SIZE - 8

    .section .reset, "ax"
    ljmp $0xf000, $start
    .ascii "11/21/26"                       // the date, at f000:fff5
    .byte 0
    .byte 0xfc                              // the model: an AT
    .byte 0

    .text
start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7c00, %sp
    call set_vectors
    call set_data
    call set_controllers
    call set_serial
    call set_clock
    sti
    cmpb $BOOT_KERNEL, %cs:P_BOOT
    je enter_kernel
    int $0x19
    jmp .

// A kernel's real-mode entry: the VMM has loaded it and says with which registers it starts.
enter_kernel:
    cli
    movw %cs:P_ENTRY_DATA, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    lssw %cs:P_ENTRY_STACK, %sp
    movzwl %sp, %esp
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    ljmp *%cs:P_ENTRY

set_vectors:
    xorw %di, %di
    movw %di, %es
    movw $256, %cx
    movl $0xf0000000 + ignore, %eax
    rep stosl
    movw $vectors, %si
1:  movzwl %cs:(%si), %edi
    movw %cs:2(%si), %ax
    movw %ax, %es:(%di)
    addw $4, %si
    cmpw $vectors_end, %si
    jb 1b
    ret

    .section .rodata
    // Where a vector lies, and what it points to in this segment.
vectors:
    .word 0x00 * 4, divide_error, 0x06 * 4, invalid_opcode
    .word 0x08 * 4, int08, 0x09 * 4, end_interrupt, 0x0a * 4, end_interrupt, 0x0b * 4, end_interrupt, 0x0c * 4, end_interrupt
    .word 0x0d * 4, end_interrupt, 0x0e * 4, end_interrupt, 0x0f * 4, end_interrupt
    .word 0x10 * 4, int10, 0x11 * 4, int11, 0x12 * 4, int12, 0x13 * 4, int13, 0x14 * 4, int14, 0x15 * 4, int15, 0x16 * 4, int16
    .word 0x17 * 4, int17, 0x18 * 4, int18, 0x19 * 4, int19, 0x1a * 4, int1a, 0x1e * 4, diskette_table
    .word 0x70 * 4, end_interrupt2, 0x71 * 4, end_interrupt2, 0x72 * 4, end_interrupt2, 0x73 * 4, end_interrupt2
    .word 0x74 * 4, end_interrupt2, 0x75 * 4, end_interrupt2, 0x76 * 4, end_interrupt2, 0x77 * 4, end_interrupt2
vectors_end:
    .text

set_data:
    pushw $EBDA
    popw %es
    xorw %di, %di
    xorw %ax, %ax
    movw $512, %cx
    rep stosw
    movb $1, %es:0                          // its size in KiB
    pushw $BDA
    popw %es
    xorw %di, %di
    movw $128, %cx
    rep stosw
    movw %es, %ax
    movw %ax, %ds
    movw $COM1, BDA_COM1
    movw $EBDA, BDA_EBDA
    movw $639, BDA_MEMORY
    // One serial port, a display of 80 columns in colour; a floppy drive where the disk is one.
    movw $0x0220, %ax
    movb %cs:P_DRIVE, %dl
    movl %cs:P_SECTORS, %ecx
    orl %cs:P_SECTORS + 4, %ecx
    jz 2f
    testb %dl, %dl
    js 1f
    orb $0x01, %al
    jmp 2f
1:  incb BDA_DISKS
2:  movw %ax, BDA_EQUIPMENT
    movw $BDA_KEYS, %ax
    movw %ax, BDA_KEY_HEAD
    movw %ax, BDA_KEY_TAIL
    movw %ax, BDA_KEYS_START_POINTER
    movw $BDA_KEYS_END, BDA_KEYS_END_POINTER
    movb $3, BDA_MODE
    movw $SCREEN_COLUMNS, BDA_COLUMNS
    movw $0x1000, BDA_PAGE_SIZE
    movw $0x0607, BDA_SHAPE
    movw $0x3d4, BDA_CRTC
    movb $SCREEN_ROWS - 1, BDA_ROWS
    movb $16, BDA_CELL_HEIGHT
    movb $7, BDA_ATTRIBUTE
    ret

// Two PICs at vectors 0x08 and 0x70, all masked but the timer and the second PIC; the timer at 18.2 Hz.
set_controllers:
    movb $0x11, %al
    outb %al, $0x20
    outb %al, $0xa0
    movb $0x08, %al
    outb %al, $0x21
    movb $0x70, %al
    outb %al, $0xa1
    movb $0x04, %al
    outb %al, $0x21
    movb $0x02, %al
    outb %al, $0xa1
    movb $0x01, %al
    outb %al, $0x21
    outb %al, $0xa1
    movb $0xfa, %al
    outb %al, $0x21
    movb $0xff, %al
    outb %al, $0xa1
    movb $0x34, %al
    outb %al, $0x43
    xorb %al, %al
    outb %al, $0x40
    outb %al, $0x40
    ret

// Vectors that nobody took.
ignore:
    iret

end_interrupt2:
    pushw %ax
    movb $0x20, %al
    outb %al, $0xa0
    jmp 1f
end_interrupt:
    pushw %ax
    movb $0x20, %al
1:  outb %al, $0x20
    popw %ax
    iret

// Faults that would come back for ever: say where, and end the run.
divide_error:
    movw $divide_text, %si
    jmp 1f
invalid_opcode:
    movw $opcode_text, %si
1:  pushw $BDA
    popw %ds
    call print
    popw %bx
    popw %ax
    call print_word
    movb $':', %al
    call put
    movw %bx, %ax
    call print_word
    jmp give_up

    .section .rodata
divide_text:
    .asciz "\r\nROM: divide error at "
opcode_text:
    .asciz "\r\nROM: invalid opcode at "
    .text
