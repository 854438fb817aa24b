// The way in by multiboot 1 and by PVH, and back to real mode. A command line that ends in "reset" makes it end by the
// reset vector.

#include "../machine/multiboot.inc"
    cld
    movl 24(%ebx), %edx                     // PVH's start info
    cmpl $0x2badb002, %eax
    jne 1f
    movl 16(%ebx), %edx                     // multiboot's information
1:  movl $real_load, %esi
    movl $real_start, %edi
    movl $real_size, %ecx
    rep movsb
    // Its last letter.
2:  movb (%edx), %al
    testb %al, %al
    jz 3f
    movb %al, %ah
    incl %edx
    jmp 2b
3:  cmpb $'t', %ah
    jne 4f
    movb $1, ends_by_reset
4:  lgdt gdt_register
    ljmp $0x08, $leave_protected

    .balign 8
gdt:
    .quad 0
    .quad 0x00009b000000ffff                // 0x08: 16-bit code
    .quad 0x000093000000ffff                // 0x10: 16-bit data
gdt_register:
    .word . - gdt - 1
    .long gdt

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18                          // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long start

    .section .note.GNU-stack, "", @progbits
