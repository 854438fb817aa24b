// One stub for each of the 256 vectors and the IDT that points at them. An IDT entry splits a handler's address in
// three, which no relocation can express; so the linker script pins the stubs to VECTORS_BASE and asserts it, and the
// IDT is plain data.

#define VECTORS_BASE 0x101000
#define STUB_SIZE 16
#define CODE_SELECTOR 0x08
#define INTERRUPT_GATE 0x8e00

    .section .vectors, "ax"
    .balign 4096
    .globl vector_stubs
vector_stubs:
    .set vector, 0
    .rept 256
    .balign STUB_SIZE
    // 8, 10-14, 17, 21, 29 and 30 push an error code themselves (Intel SDM vol. 3, table 6-1; AMD APM vol. 2,
    // table 8-1).
    .ifeq (vector == 8) | (vector >= 10 && vector <= 14) | (vector == 17) | (vector == 21) \
        | (vector == 29) | (vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp vector_common
    .set vector, vector + 1
    .endr

    .text
vector_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call interrupt_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .section .data
    .balign 16
    .globl idt_register
idt:
    .set vector, 0
    .rept 256
    .word (VECTORS_BASE + vector * STUB_SIZE) & 0xffff, CODE_SELECTOR, INTERRUPT_GATE
    .word (VECTORS_BASE + vector * STUB_SIZE) >> 16
    .long 0, 0
    .set vector, vector + 1
    .endr
idt_end:
    .balign 8
idt_register:
    .word idt_end - idt - 1
    .quad idt

    .section .note.GNU-stack, "", @progbits
