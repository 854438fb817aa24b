// INT 8, the tick, and INT 1Ah: ticks, the real-time clock, and by AH=B1h the PCI BIOS.

#include "rom.h"

    .globl int08, int1a, set_clock
    .text

#define TICKS_OF_DAY 0x1800b0

int08:
    pushl %eax
    pushw %ds
    pushw $BDA
    popw %ds
    movl BDA_TICKS, %eax
    incl %eax
    cmpl $TICKS_OF_DAY, %eax
    jb 1f
    xorl %eax, %eax
    movb $1, BDA_MIDNIGHT
1:  movl %eax, BDA_TICKS
    int $0x1c
    cli
    movb $0x20, %al
    outb %al, $0x20
    popw %ds
    popl %eax
    iret

// The day's ticks by the real-time clock, where there is one.
set_clock:
    call read_time
    jc 1f
    movb %ch, %al
    call binary
    movzbl %al, %ebx
    imull $60, %ebx
    movb %cl, %al
    call binary
    movzbl %al, %eax
    addl %eax, %ebx
    imull $60, %ebx
    movb %dh, %al
    call binary
    movzbl %al, %eax
    addl %ebx, %eax
    // 18.2 a second: 1193182 / 65536.
    movl $1193182, %edx
    mull %edx
    shrdl $16, %edx, %eax
    pushw $BDA
    popw %ds
    movl %eax, BDA_TICKS
1:  ret

// AL from BCD.
binary:
    movb %al, %ah
    andb $0x0f, %al
    shrb $4, %ah
    aad
    ret

// AL: a register of the clock.
clock_register:
    outb %al, $0x70
    inb $0x71, %al
    ret

// Waits for the end of an update, a while. Carry: there is no clock.
settle:
    movw $1000, %si
1:  movb $0x0a, %al
    call clock_register
    cmpb $0xff, %al
    stc
    je 2f
    testb $0x80, %al
    jz 2f
    decw %si
    jnz 1b
    stc
2:  ret

// CH, CL, DH: hours, minutes, seconds in BCD.
read_time:
    call settle
    jc 1f
    movb $0x04, %al
    call clock_register
    movb %al, %ch
    movb $0x02, %al
    call clock_register
    movb %al, %cl
    movb $0x00, %al
    call clock_register
    movb %al, %dh
    clc
1:  ret

int1a:
    enter_service
    cmpb $0xb1, %ah
    je pci
    cmpb $7, %ah
    ja no_such
    movzbw %ah, %di
    addw %di, %di
    jmp *%cs:functions(%di)

    .section .rodata
functions:
    .word get_ticks, set_ticks, get_time, set_time, get_date, set_date, no_such, no_such
    .text

no_such:
    orb $CARRY, CALLER_FLAGS
    leave_service
done:
    andb $~CARRY, CALLER_FLAGS
    leave_service

get_ticks:
    movl BDA_TICKS, %eax
    movw %ax, CALLER_DX
    shrl $16, %eax
    movw %ax, CALLER_CX
    xorb %al, %al
    xchgb BDA_MIDNIGHT, %al
    movb %al, CALLER_AL
    jmp done

set_ticks:
    movw %dx, BDA_TICKS
    movw %cx, BDA_TICKS + 2
    movb $0, BDA_MIDNIGHT
    jmp done

get_time:
    call read_time
    jc no_such
    movw %cx, CALLER_CX
    movb %dh, CALLER_DH
    movb $0, CALLER_DL
    jmp done

get_date:
    call settle
    jc no_such
    movb $0x32, %al
    call clock_register
    movb %al, CALLER_CH
    movb $0x09, %al
    call clock_register
    movb %al, CALLER_CL
    movb $0x08, %al
    call clock_register
    movb %al, CALLER_DH
    movb $0x07, %al
    call clock_register
    movb %al, CALLER_DL
    jmp done

// The clock is the host's: setting it is heard and lost.
set_time:
set_date:
    jmp done

// PCI BIOS 2.1: the installation check, finding functions, and their registers by mechanism 1. One bus, one function a
// slot.
#define PCI_OK          0x00
#define PCI_UNSUPPORTED 0x81
#define PCI_NOT_FOUND   0x86
#define PCI_BAD_REGISTER 0x87

pci:
    cmpb $0x01, %al
    je pci_present
    cmpb $0x02, %al
    je pci_find_device
    cmpb $0x03, %al
    je pci_find_class
    subb $0x08, %al
    cmpb $5, %al
    ja 1f
    jmp pci_register
1:  movb $PCI_UNSUPPORTED, %ah
pci_done:
    movb %ah, CALLER_AH
    testb %ah, %ah
    jnz no_such
    jmp done

pci_present:
    movl $0x20494350, CALLER_DX             // "PCI "
    movb $0x01, CALLER_AL                   // mechanism 1
    movw $0x0210, CALLER_BX
    movb $0, CALLER_CL                      // the last bus
    movb $PCI_OK, %ah
    jmp pci_done

// CX device, DX vendor, SI which of them.
pci_find_device:
    shll $16, %ecx
    movw %dx, %cx
    movl $-1, %edi
    movw $0x00, %dx
    jmp pci_find
// ECX class, SI which of them.
pci_find_class:
    shll $8, %ecx
    movl $0xffffff00, %edi
    movw $0x08, %dx
// The SI-th slot whose register DX has ECX in the bits of EDI: BX.
pci_find:
    xorw %bx, %bx
1:  pushw %dx
    movw %dx, %ax
    call pci_select
    movw $0xcfc, %dx
    inl %dx, %eax
    popw %dx
    cmpl $-1, %eax
    je 2f
    andl %edi, %eax
    cmpl %ecx, %eax
    jne 2f
    subw $1, %si
    jc 3f
2:  addb $8, %bl
    jnz 1b
    movb $PCI_NOT_FOUND, %ah
    jmp pci_done
3:  movw %bx, CALLER_BX
    movb $PCI_OK, %ah
    jmp pci_done

// BX the function, AX the register's number: selects the doubleword it lies in. Changes AX and DX.
pci_select:
    pushl %eax
    pushl %ecx
    movzwl %bx, %ecx
    shll $8, %ecx
    movzbl %al, %eax
    andb $0xfc, %al
    orl %ecx, %eax
    orl $0x80000000, %eax
    movw $0xcf8, %dx
    outl %eax, %dx
    popl %ecx
    popl %eax
    ret

// AL 0 to 2 reads and 3 to 5 writes a byte, word or doubleword of register DI.
pci_register:
    movb %al, %bh
    movb %al, %ch
    cmpb $3, %ch
    jb 1f
    subb $3, %ch
1:  // CH: the width as a power of two, to which the register is aligned.
    movb %ch, %cl
    movb $1, %al
    shlb %cl, %al
    decb %al
    movw %di, %dx
    testb %al, %dl
    movb $PCI_BAD_REGISTER, %ah
    jnz pci_done
    testw $0xff00, %dx
    jnz pci_done
    movb %bh, %cl
    movw CALLER_BX, %bx
    movw %di, %ax
    call pci_select
    movw %di, %dx
    andw $3, %dx
    addw $0xcfc, %dx
    movl CALLER_CX, %eax
    cmpb $1, %cl
    jb 2f
    je 3f
    cmpb $3, %cl
    jb 4f
    je 5f
    cmpb $5, %cl
    jb 6f
    outl %eax, %dx
    jmp 7f
2:  inb %dx, %al
    movb %al, CALLER_CL
    jmp 7f
3:  inw %dx, %ax
    movw %ax, CALLER_CX
    jmp 7f
4:  inl %dx, %eax
    movl %eax, CALLER_CX
    jmp 7f
5:  outb %al, %dx
    jmp 7f
6:  outw %ax, %dx
7:  movb $PCI_OK, %ah
    jmp pci_done
