// INT 16h: what comes in on COM1, as if it were typed on a PC's keyboard.

#include "rom.h"

    .globl int16, pause
    .text

int16:
    enter_service
    andb $0xef, %ah                         // 10h to 12h are 00h to 02h for keyboards with more keys
    jz read_key
    cmpb $1, %ah
    je peek_key
    cmpb $2, %ah
    je key_flags
    cmpb $5, %ah
    je push_key
    leave_service

read_key:
    call poll
    movw BDA_KEY_HEAD, %bx
    cmpw BDA_KEY_TAIL, %bx
    jne 1f
    call pause
    jmp read_key
1:  movw (%bx), %ax
    movw %ax, CALLER_AX
    call next_place
    movw %bx, BDA_KEY_HEAD
    leave_service

peek_key:
    call poll
    orb $ZERO, CALLER_FLAGS
    movw BDA_KEY_HEAD, %bx
    cmpw BDA_KEY_TAIL, %bx
    je 1f
    andb $~ZERO, CALLER_FLAGS
    movw (%bx), %ax
    movw %ax, CALLER_AX
1:  leave_service

// AH has what 12h tells in addition: which of the Ctrl and Alt keys are held.
key_flags:
    movzbw BDA_KEY_FLAGS, %ax
    movw %ax, CALLER_AX
    leave_service

push_key:
    movw %cx, %ax
    call store
    sbbb %al, %al
    andb $1, %al
    movb %al, CALLER_AL
    leave_service

// Lets time pass, at most until the next tick. Without ticks nothing would end a halt.
pause:
    inb $0x21, %al
    testb $1, %al
    jnz 1f
    sti
    hlt
    cli
    ret
1:  sti
    nop
    cli
    ret

// BX: the place behind it in the ring.
next_place:
    addw $2, %bx
    cmpw BDA_KEYS_END_POINTER, %bx
    jb 1f
    movw BDA_KEYS_START_POINTER, %bx
1:  ret

// Puts key AX into the ring. Carry: it is full.
store:
    movw BDA_KEY_TAIL, %bx
    pushw %bx
    call next_place
    cmpw BDA_KEY_HEAD, %bx
    je 1f
    popw %si
    movw %ax, (%si)
    movw %bx, BDA_KEY_TAIL
    clc
    ret
1:  popw %bx
    stc
    ret

// Whether COM1 has a byte: zero flag clear.
is_ready:
    movw $COM1 + 5, %dx
    inb %dx, %al
    testb $1, %al
    ret

// Brings what COM1 has into the ring, as long as there is room for two keys: what begins like a sequence may turn out
// to be two.
poll:
    movw BDA_KEY_TAIL, %bx
    call next_place
    cmpw BDA_KEY_HEAD, %bx
    je 9f
    call next_place
    cmpw BDA_KEY_HEAD, %bx
    je 9f
    call is_ready
    jz 9f
    movw $COM1, %dx
    inb %dx, %al
1:  cmpb $27, %al
    je sequence
2:  call key
    call store
    jmp poll
9:  ret

// Terminals send keys that have no character as ESC, [ or O, and a letter, or a number and a tilde. They come in one
// piece.
sequence:
    call is_ready
    movb $27, %al
    jz 2b
    movw $COM1, %dx
    inb %dx, %al
    cmpb $'[', %al
    je 3f
    cmpb $'O', %al
    je 3f
    pushw %ax
    movb $27, %al
    call key
    call store
    popw %ax
    jmp 1b
3:  call is_ready
    jz poll
    movw $COM1, %dx
    inb %dx, %al
    movw $letters, %si
4:  movw %cs:(%si), %cx
    jcxz 5f
    addw $2, %si
    cmpb %cl, %al
    jne 4b
    movb %ch, %ah
    pushw %ax
    cmpb $'9', %al
    ja 6f
    // The tilde, or what stands in its place.
    call is_ready
    jz 6f
    movw $COM1, %dx
    inb %dx, %al
6:  popw %ax
    movb $0, %al
    call store
5:  jmp poll

    .section .rodata
    // The character behind the bracket, and the key's scan code.
letters:
    .byte 'A', 0x48, 'B', 0x50, 'C', 0x4d, 'D', 0x4b, 'H', 0x47, 'F', 0x4f
    .byte 'P', 0x3b, 'Q', 0x3c, 'R', 0x3d, 'S', 0x3e
    .byte '1', 0x47, '2', 0x52, '3', 0x53, '4', 0x4f, '5', 0x49, '6', 0x51
    .word 0
    .text

// The key that types AL: AX.
key:
    cmpb $'\n', %al                         // the end of a line in a file is what Enter types
    jne 1f
    movb $'\r', %al
1:  cmpb $127, %al
    jne 2f
    movb $8, %al
2:  movb $0, %ah
    testb %al, %al
    js 3f
    movw %ax, %si
    movb %cs:scan_codes(%si), %ah
3:  ret

    .section .rodata
scan_codes:
    .byte 0x03, 0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x0e, 0x0f, 0x24, 0x25, 0x26, 0x1c, 0x31, 0x18
    .byte 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c, 0x01, 0x2b, 0x1b, 0x07, 0x0c
    .byte 0x39, 0x02, 0x28, 0x04, 0x05, 0x06, 0x08, 0x28, 0x0a, 0x0b, 0x09, 0x0d, 0x33, 0x0c, 0x34, 0x35
    .byte 0x0b, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x27, 0x27, 0x33, 0x0d, 0x34, 0x35
    .byte 0x03, 0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32, 0x31, 0x18
    .byte 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c, 0x1a, 0x2b, 0x1b, 0x07, 0x0c
    .byte 0x29, 0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32, 0x31, 0x18
    .byte 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c, 0x1a, 0x2b, 0x1b, 0x29, 0x0e
    .text
