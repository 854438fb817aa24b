// The way in: a PVH loader (XEN_ELFNOTE_PHYS32_ENTRY, Xen's public/elfnote.h) or a multiboot 1 loader (when built with
// -DMULTIBOOT) enters here in 32-bit protected mode without paging. Nothing is computed on the way to long mode: the
// page tables, the GDT and the IDT are finished in the file, so that the first byte a guest writes comes as early as it
// can.

#define LOADER_PVH 0
#define LOADER_MULTIBOOT 1
#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 0x00000003          /* page-aligned modules, memory information */

#define CR0_PE_ET_NE_WP_PG 0x80010031
#define CR4_PAE 0x20
#define MSR_EFER 0xC0000080
#define EFER_LME 0x100

    .section .head, "ax"
    .code32

#ifdef MULTIBOOT
    .balign 4
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
#endif

    .globl start
start:
    cli
    movl $page_table_root, %eax
    movl %eax, %cr3
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PE_ET_NE_WP_PG, %eax
    movl %eax, %cr0
    lgdt gdt_register
    ljmp $0x08, $1f

    .code64
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $boot_stack_end, %esp
    lidt idt_register
    movl %ebx, %edi
#ifdef MULTIBOOT
    movl $LOADER_MULTIBOOT, %esi
#else
    movl $LOADER_PVH, %esi
#endif
    xorl %ebp, %ebp
    call guest_start
2:  cli
    hlt
    jmp 2b

    .section .data
    .balign 8
    .globl gdt_register
    .globl gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff                // 0x08: 64-bit code
    .quad 0x00cf93000000ffff                // 0x10: data
    .quad 0x00cf9b000000ffff                // 0x18: 32-bit code, for processors on their way up
gdt_end:
    .balign 8
gdt_register:
    .word gdt_end - gdt - 1
    .quad gdt

#ifndef MULTIBOOT
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18                          // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long start
#endif

    .section .bss
    .balign 16
    .skip 16384
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
