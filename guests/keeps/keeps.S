// A multiboot kernel as some teaching systems are: it loads a GDT of its own and leaves CS as the loader set it. An
// interrupt's frame then holds the loader's selector, and IRET takes it from the kernel's GDT. It stands three ticks of
// the timer, by the PIC as a BIOS leaves it.

#define COM1 0x3f8
#define EXIT_PORT 0xf4
#define TIMER_VECTOR 0x08
#define TICKS 3

#include "../machine/multiboot.inc"
    movl $stack, %esp
    movl $handler, %eax
    movw %ax, idt + TIMER_VECTOR * 8
    shrl $16, %eax
    movw %ax, idt + TIMER_VECTOR * 8 + 6
    lgdt gdt_register
    lidt idt_register
    movl $cs_text, %esi
    call print
    movl %cs, %eax
    call print_selector
    movl $ds_text, %esi
    call print
    movl %ds, %eax
    call print_selector
    sti
1:  hlt
    cmpl $TICKS, ticks
    jb 1b
    cli
    movl $end_text, %esi
    call print
    xorl %eax, %eax
    outb %al, $EXIT_PORT
2:  hlt
    jmp 2b

handler:
    incl ticks
    pushl %eax
    movb $0x20, %al
    outb %al, $0x20                         // end of interrupt
    popl %eax
    iretl

// Two digits will do for a selector.
print_selector:
    movl %eax, %ebx
    shrl $4, %eax
    call print_digit
    movl %ebx, %eax
print_digit:
    andl $15, %eax
    movb digits(%eax), %al
print_byte:
    movw $COM1, %dx
    outb %al, %dx
    ret

print:
    lodsb
    testb %al, %al
    jz 1f
    call print_byte
    jmp print
1:  ret

    .section .rodata, "a"
cs_text: .asciz "keeps: cs=0x"
ds_text: .asciz " ds=0x"
end_text: .asciz " ticks=3\nkeeps: PASS\n"
digits: .ascii "0123456789abcdef"

    .section .data, "aw"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff                // 0x08: code
    .quad 0x00cf93000000ffff                // 0x10: data
gdt_register:
    .word . - gdt - 1
    .long gdt
    .balign 8
idt:
    .rept TIMER_VECTOR
    .quad 0
    .endr
    .word 0, 0x08, 0x8e00, 0                // an interrupt gate; start writes the handler's address
idt_register:
    .word . - idt - 1
    .long idt
    .balign 4
ticks:
    .long 0

    .section .bss
    .balign 16
    .skip 4096
stack:

    .section .note.GNU-stack, "", @progbits
