// Where a start-up interrupt sends a processor: copied to TRAMPOLINE below 1 MiB, real mode, CS = TRAMPOLINE / 16. It
// goes to long mode with the boot processor's tables and calls processor_start with a stack of its own.

#define TRAMPOLINE 0x8000
#define STACK_SIZE 4096
#define HERE(label) (TRAMPOLINE + label - trampoline_begin)

#define CR0_PE_ET_NE_WP_PG 0x80010031
#define CR4_PAE 0x20
#define MSR_EFER 0xC0000080
#define EFER_LME 0x100

    .section .rodata.trampoline, "a"
    .globl trampoline_begin, trampoline_end
    .code16
trampoline_begin:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl HERE(early_gdt_register)
    movl $0x11, %eax
    movl %eax, %cr0
    ljmpl $0x18, $HERE(protected)

    .code32
protected:
    movl $0x10, %eax
    movl %eax, %ds
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
    ljmpl $0x08, $long_mode

    .balign 8
early_gdt_register:                         // the 32-bit form of gdt_register, which a 16-bit lgdtl wants
    .word 31
    .long gdt
trampoline_end:

    .text
    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    lidt idt_register
    movl $1, %edi
    lock xaddl %edi, stacks_used
    movl %edi, %eax
    incl %eax
    imull $STACK_SIZE, %eax
    leal processor_stacks(%eax), %esp
    xorl %ebp, %ebp
    call processor_start
1:  cli
    hlt
    jmp 1b

    .bss
    .balign 16
stacks_used:
    .long 0
    .balign 16
processor_stacks:
    .skip 1024 * STACK_SIZE

    .section .note.GNU-stack, "", @progbits
