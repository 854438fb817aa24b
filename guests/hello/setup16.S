// An image with a Linux setup header whose work is all done in real mode, as memdisk's and GRUB's lnxboot.img: the
// header claims protocol 2.03 and code at 1 MiB, which here only says that it was entered. Source: Linux,
// Documentation/arch/x86/boot.rst.

    .code16
    .org 0x1f1
    .byte 1                                 // setup_sects
    .org 0x1fe
    .word 0xaa55
    .globl _start
_start:
    jmp 1f
    .ascii "HdrS"
    .word 0x0203
    .long 0
    .word 0x1000, 0
    .byte 0, 0x01                           // loadflags: LOADED_HIGH
    .word 0x8000
    .long 0x100000, 0, 0, 0                 // code32_start, no initrd
    .word 0, 0
    .long 0, 0xffffffff                     // cmd_line_ptr, initrd_addr_max
1:  movw $message - 0x200, %si
2:  movb %cs:(%si), %al
    incw %si
    testb %al, %al
    jz 3f
    movb $0x0e, %ah
    movw $7, %bx
    int $0x10
    jmp 2b
3:  outb %al, $0xf4
4:  hlt
    jmp 4b
message:
    .asciz "hello: setup code, real mode\r\n"

    .org 0x400
    .code32
    movb $5, %al
    outb %al, $0xf4
5:  hlt
    jmp 5b
    .org 0x600

    .section .note.GNU-stack, "", @progbits
