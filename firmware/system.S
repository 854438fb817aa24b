// INT 11h and 12h, and INT 15h: what memory there is, moves between it and the first MiB, the A20 gate, waiting.

#include "rom.h"

    .globl int11, int12, int15
    .text

int11:
    pushw %ds
    pushw $BDA
    popw %ds
    movw BDA_EQUIPMENT, %ax
    popw %ds
    iret

int12:
    pushw %ds
    pushw $BDA
    popw %ds
    movw BDA_MEMORY, %ax
    popw %ds
    iret

int15:
    enter_service
    cmpw $0xe820, %ax
    je memory_map
    cmpw $0xe801, %ax
    je extended_sizes
    cmpw $0xe881, %ax
    je extended_sizes
    cmpb $0x24, %ah
    je gate
    cmpb $0x86, %ah
    je wait
    cmpb $0x87, %ah
    je block_move
    cmpb $0x88, %ah
    je extended_size
    cmpb $0x90, %ah                         // an operating system's hooks: waiting for a device, and its end
    je success
    cmpb $0x91, %ah
    je success
    cmpb $0xc0, %ah
    je configuration
    cmpb $0xc1, %ah
    je data_area
unsupported:
    movb $0x86, CALLER_AH
failure:
    orb $CARRY, CALLER_FLAGS
    leave_service
success:
    movb $0, CALLER_AH
no_error:
    andb $~CARRY, CALLER_FLAGS
    leave_service

// EBX: 0, then what the call before gave; ES:DI, ECX bytes of room, EDX "SMAP". ACPI 6.5, section 15.1.
memory_map:
    cmpl $0x534d4150, %edx
    jne unsupported
    cmpl $20, %ecx
    jb unsupported
    movzwl %cs:P_REGIONS, %eax
    cmpl %eax, %ebx
    jae unsupported
    leal 1(%ebx), %edx
    cmpl %eax, %edx
    jb 1f
    xorl %edx, %edx
1:  movl %edx, CALLER_BX
    imulw $20, %bx
    leaw P_MAP(%bx), %si
    movw CALLER_ES, %es
    movw $10, %cx
    rep movsw %cs:(%si), %es:(%di)
    movl $20, CALLER_CX
    movl $0x534d4150, CALLER_AX
    jmp no_error

// AX = CX: KiB from 1 to 16 MiB; BX = DX: 64 KiB blocks from there to the first hole.
extended_sizes:
    movw %cs:P_KIB_TO_16M, %ax
    movw %ax, CALLER_AX
    movw %ax, CALLER_CX
    movw %cs:P_BLOCKS_TO_4G, %ax
    movw %ax, CALLER_BX
    movw %ax, CALLER_DX
    jmp no_error

extended_size:
    movw %cs:P_KIB_EXTENDED, %ax
    movw %ax, CALLER_AX
    jmp no_error

// The gate is open and stays so.
gate:
    cmpb $1, %al
    je success
    cmpb $2, %al
    je 1f
    cmpb $3, %al
    jne unsupported
    movw $3, CALLER_BX
    jmp success
1:  movb $1, CALLER_AL
    jmp success

configuration:
    movw %cs, CALLER_ES
    movw $configuration_table, CALLER_BX
    jmp success

    .section .rodata
configuration_table:
    .word 8
    .byte 0xfc, 0x00, 0x00, 0x74, 0x40, 0x00, 0x00, 0x00
    .text

data_area:
    movw $EBDA, CALLER_ES
    jmp no_error

// CX:DX microseconds, by the timer's counter: 1.193182 a microsecond, downwards.
wait:
    shll $16, %ecx
    movw %dx, %cx
    movl $78197, %eax
    mull %ecx
    shrdl $16, %edx, %eax
    shrl $16, %edx
    movl %eax, %esi                         // EDX:ESI counts to go
    sti
    call counter
    movw %ax, %bx
1:  call counter
    subw %ax, %bx
    movzwl %bx, %ecx
    movw %ax, %bx
    subl %ecx, %esi
    sbbl $0, %edx
    jns 1b
    jmp success

counter:
    movb $0, %al
    outb %al, $0x43
    inb $0x40, %al
    movb %al, %ah
    inb $0x40, %al
    xchgb %al, %ah
    ret

// ES:SI, a GDT whose descriptors 2 and 3 are the source and the target; CX words. Done by a GDT of our own: limits of
// 64 KiB, which is what the segments must have back in real mode.
block_move:
    cmpw $0x8000, %cx
    ja 9f
    movw CALLER_ES, %fs
    pushw $EBDA
    popw %es
    movw $MOVE_GDT, %di
    movw $move_gdt, %bx
    pushw %si
    movw %bx, %si
    pushw %cx
    movw $move_gdt_size / 2, %cx
    rep movsw %cs:(%si), %es:(%di)
    popw %cx
    popw %si
    movl %fs:0x12(%si), %eax
    movb %fs:0x17(%si), %bh
    movw %ax, %es:MOVE_GDT + 0x1a
    shrl $16, %eax
    movb %al, %es:MOVE_GDT + 0x1c
    movb %bh, %es:MOVE_GDT + 0x1f
    movl %fs:0x1a(%si), %eax
    movb %fs:0x1f(%si), %bh
    movw %ax, %es:MOVE_GDT + 0x22
    shrl $16, %eax
    movb %al, %es:MOVE_GDT + 0x24
    movb %bh, %es:MOVE_GDT + 0x27
    // Nothing may interrupt from here on, and the stack stays what it is.
    cli
    sgdtl %es:MOVE_GDT + move_gdt_size
    lgdtl %cs:move_gdt_pointer
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmp $0x08, $1f
1:  movw $0x18, %dx
    movw %dx, %ds
    movw $0x20, %dx
    movw %dx, %es
    xorw %si, %si
    xorw %di, %di
    rep movsw
    movw $0x10, %dx
    movw %dx, %ds
    movw %dx, %es
    andb $~1, %al
    movl %eax, %cr0
    ljmp $0xf000, $2f
2:  pushw $EBDA
    popw %ds
    lgdtl MOVE_GDT + move_gdt_size
    jmp success
9:  movb $0x02, CALLER_AH
    jmp failure

    .section .rodata
    // Null, this segment as code, data for the way back, source, target.
    .balign 8
move_gdt:
    .quad 0
    .word 0xffff, 0x0000, 0x9b0f, 0x0000
    .word 0xffff, 0x0000, 0x9300, 0x0000
    .word 0xffff, 0x0000, 0x9300, 0x0000
    .word 0xffff, 0x0000, 0x9300, 0x0000
move_gdt_end:
    .set move_gdt_size, move_gdt_end - move_gdt
move_gdt_pointer:
    .word move_gdt_size - 1
    .long EBDA * 16 + MOVE_GDT
    .text
