// A flat binary: started in real mode at its first byte, wherever it was loaded. Says hello on COM1 and ends with 0.

    .code16
    .globl _start
_start:
    cli
    call 1f
1:  popw %si
    addw $(message - 1b), %si               // where this copy of the program is
    movw $0x3f8, %dx
2:  movb %cs:(%si), %al
    incw %si
    testb %al, %al
    jz 4f
    movb %al, %ah
    movw $0x3fd, %dx
    movw $0xffff, %cx                       // a transmitter that never gets free costs the byte, not the run
3:  inb %dx, %al
    testb $0x20, %al
    loopz 3b
    movb %ah, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 2b
4:  xorb %al, %al
    outb %al, $0xf4
5:  hlt
    jmp 5b

message:
    .asciz "hello16: real mode\r\n"

    .section .note.GNU-stack, "", @progbits
