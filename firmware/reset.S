// Where the processor starts, and what it does before it boots.

#include "rom.h"

    .globl ignore, end_interrupt, end_interrupt2, int09, divide_error, invalid_opcode

    // Filled in by the VMM before the guest runs.
    .section .parameters, "a"
    .globl parameters
parameters:
    .ascii "swiftlet"
    .zero PARAMETERS_SIZE - 8

    // Where the VMM has the first processor start, for what is booted through this ROM.
    .section .start, "ax"
    jmp start

    // Where a processor starts after a reset. A guest that jumps here wants one: the VMM makes it.
    .section .reset, "ax"
    ljmp $0xf000, $reset
    .ascii "11/21/26"                       // the date, at f000:fff5
    .byte 0
    .byte 0xfc                              // the model: an AT
    .byte 0

    .text
reset:
    cli
    movw $RESET_PORT, %dx
    outb %al, %dx
1:  hlt
    jmp 1b

// Vectors, data area, interrupt controllers and timer are the VMM's work, for every guest: low.S and the VMM.
start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7c00, %sp
    call set_drive
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

// What the data area says of the disk.
set_drive:
    movl %cs:P_SECTORS, %ecx
    orl %cs:P_SECTORS + 4, %ecx
    jz 2f
    cmpb $CD_DRIVE, %cs:P_DRIVE
    je 2f
    pushw $BDA
    popw %ds
    testb $0x80, %cs:P_DRIVE
    jnz 1f
    orb $0x01, BDA_EQUIPMENT
    ret
1:  incb BDA_DISKS
2:  ret

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
1:  movb $0x20, %al
    outb %al, $0x20
    popw %ax
    iret

// Keys come by the serial port; what the keyboard controller has is taken, so that it can go on.
int09:
    pushw %ax
    inb $0x60, %al
    jmp 1b

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
