// INT 10h: a text screen of 80 columns and 25 rows, shown on the serial console; INT 14h, the serial port itself.
//
// What is put goes out at once. Where the cursor was moved meanwhile, the terminal is told first, as briefly as can be,
// so that plain text stays plain. COM1 is the VMM's, whose transmitter is always empty: nobody waits for it.

#include "rom.h"

    .globl int10, int14, int17, set_serial, print, print_word, put
    .text

set_serial:
    xorb %al, %al
    movw $COM1 + 1, %dx
    outb %al, %dx
    // Its receiver then holds a whole key sequence.
    movw $COM1 + 2, %dx
    movb $1, %al
    outb %al, %dx
    movw $COM1 + 3, %dx
    movb $0x80, %al
    outb %al, %dx
    movw $COM1, %dx
    movb $1, %al                            // 115200
    outb %al, %dx
    incw %dx
    xorb %al, %al
    outb %al, %dx
    movw $COM1 + 3, %dx
    movb $0x03, %al                         // 8 bits, no parity, 1 stop bit
    outb %al, %dx
    incw %dx
    outb %al, %dx                           // DTR, RTS
    ret

int10:
    enter_service
    cmpb $0x13, %ah
    ja 1f
    movzbw %ah, %di
    addw %di, %di
    call *%cs:functions(%di)
1:  leave_service

    .section .rodata
functions:
    .word set_mode, set_shape, set_cursor, get_cursor, nothing, nothing, scroll, scroll, read_cell, write_cells
    .word write_cells, nothing, nothing, nothing, teletype, get_mode, nothing, nothing, nothing, write_string
    .text

nothing:
    ret

// Every mode is mode 3. Bit 7 of AL: without clearing the screen.
set_mode:
    movw $0, BDA_CURSOR
    movw $0xffff, BDA_TERMINAL
    testb %al, %al
    js nothing
clear_screen:
    movw $clear_text, %si
    jmp emit_text

set_shape:
    movw %cx, BDA_SHAPE
    ret

set_cursor:
    movw %dx, BDA_CURSOR
    ret

get_cursor:
    movw BDA_CURSOR, %ax
    movw %ax, CALLER_DX
    movw BDA_SHAPE, %ax
    movw %ax, CALLER_CX
    ret

get_mode:
    movb BDA_MODE, %al
    movb $SCREEN_COLUMNS, %ah
    movw %ax, CALLER_AX
    movb $0, CALLER_BH
    ret

// What the screen shows nobody keeps: a blank in the last attribute.
read_cell:
    movb $' ', CALLER_AL
    movb BDA_ATTRIBUTE, %al
    movb %al, CALLER_AH
    ret

// AL rows of a window (CX to DX) up or down; none, or more than there are: it is cleared. Windows must have the
// screen's width.
scroll:
    testb %cl, %cl
    jnz nothing
    cmpb $SCREEN_COLUMNS - 1, %dl
    jb nothing
    cmpb $SCREEN_ROWS - 1, %dh
    jbe 1f
    movb $SCREEN_ROWS - 1, %dh
1:  testb %al, %al
    jz clear_rows
    cmpb $SCREEN_ROWS, %al
    jae clear_rows
    cmpb $6, %ah
    jne nothing
    cmpb $SCREEN_ROWS - 1, %dh
    jne nothing
    testb %ch, %ch
    jnz nothing
    movzbw %al, %cx
    pushw BDA_CURSOR
    movw $(SCREEN_ROWS - 1) << 8, BDA_CURSOR
    call sync
    movb $'\n', %al
2:  call emit
    loop 2b
    popw BDA_CURSOR
    ret

clear_rows:
    testb %ch, %ch
    jnz 1f
    cmpb $SCREEN_ROWS - 1, %dh
    je clear_screen
1:  pushw BDA_CURSOR
2:  cmpb %dh, %ch
    ja 3f
    movb $0, BDA_CURSOR
    movb %ch, BDA_CURSOR + 1
    pushw %cx
    pushw %dx
    call sync
    movw $clear_line_text, %si
    call emit_text
    popw %dx
    popw %cx
    incb %ch
    jmp 2b
3:  popw BDA_CURSOR
    ret

// AL, CX times from the cursor on, which stays.
write_cells:
    cmpb $9, %ah
    jne 1f
    movb %bl, BDA_ATTRIBUTE
1:  jcxz 5f
    pushw %ax
    pushw %cx
    call sync
    popw %cx
    popw %ax
    call printable
    cmpb $' ', %al
    jne 2f
    cmpw $SCREEN_COLUMNS * (SCREEN_ROWS - 1), %cx
    movw $clear_below_text, %si
    jae emit_text
2:  cmpw $SCREEN_COLUMNS * SCREEN_ROWS, %cx
    jbe 3f
    movw $SCREEN_COLUMNS * SCREEN_ROWS, %cx
3:  movw %cx, %bx
4:  call emit
    loop 4b
    movzbw BDA_TERMINAL, %ax
    addw %bx, %ax
    movb %al, BDA_TERMINAL
    cmpw $SCREEN_COLUMNS, %ax
    jb 5f
    movw $0xffff, BDA_TERMINAL
5:  ret

// CX characters at ES:BP from DX on. AL bit 0: the cursor goes along; bit 1: each has its attribute behind it.
write_string:
    movw CALLER_ES, %es
    movw CALLER_BP, %si
    movb %al, %bl
    pushw BDA_CURSOR
    movw %dx, BDA_CURSOR
    jcxz 3f
1:  movb %es:(%si), %al
    incw %si
    testb $2, %bl
    jz 2f
    incw %si
2:  pushw %cx
    call put
    popw %cx
    loop 1b
3:  popw %ax
    testb $1, %bl
    jnz 4f
    movw %ax, BDA_CURSOR
4:  ret

teletype:
    jmp put

// The ROM's own words: at CS:SI, up to a NUL. DS is the BIOS data area, here and below.
print:
    movb %cs:(%si), %al
    incw %si
    testb %al, %al
    jz 1f
    call put
    jmp print
1:  ret

// AX, four digits.
print_word:
    movw $4, %cx
1:  rolw $4, %ax
    pushw %ax
    pushw %cx
    andb $0x0f, %al
    cmpb $10, %al
    sbbb $0x69, %al
    das
    orb $0x20, %al
    call put
    popw %cx
    popw %ax
    loop 1b
    ret

// AL as a teletype puts it. Changes AX, CX and DX.
put:
    cmpb $8, %al
    jne 1f
    cmpb $0, BDA_CURSOR
    je nothing
1:  pushw %ax
    call sync
    popw %ax
    cmpb $' ', %al
    jb 2f
    call printable
2:  call emit
    movw BDA_CURSOR, %dx
    cmpb $7, %al
    je 5f
    cmpb $8, %al
    je 6f
    cmpb $'\n', %al
    je 3f
    cmpb $'\r', %al
    je 7f
    incb %dl
    cmpb $SCREEN_COLUMNS, %dl
    jb 5f
    movb $0, %dl
3:  cmpb $SCREEN_ROWS - 1, %dh
    jae 5f
    incb %dh
5:  movw %dx, BDA_CURSOR
    movw %dx, BDA_TERMINAL
    ret
6:  decb %dl
    jmp 5b
7:  movb $0, %dl
    jmp 5b

// AL as a character that a terminal shows whatever its code page: frames and blocks as what is closest in ASCII.
printable:
    testb %al, %al
    jns 2f
    cmpb $0xb0, %al
    jb 1f
    cmpb $0xe0, %al
    jae 1f
    pushw %bx
    movw $frames - 0xb0, %bx
    cs xlatb
    popw %bx
    ret
1:  movb $'?', %al
    ret
2:  cmpb $' ', %al
    jae 3f
    movb $' ', %al
3:  ret

    .section .rodata
frames:
    .ascii ":%#||||++||+++++"
    .ascii "++++-+||++++|=++"
    .ascii "+++++++++++#####"
clear_text:
    .asciz "\033[2J"
clear_line_text:
    .asciz "\033[K"
clear_below_text:
    .asciz "\033[J"
    .text

// Brings the terminal's cursor to where the screen's is. Changes AX, CX and DX.
sync:
    movw BDA_CURSOR, %dx
    movw BDA_TERMINAL, %cx
    cmpw %dx, %cx
    je 4f
    cmpb %dh, %ch
    jne 1f
    movb $'\r', %al
    testb %dl, %dl
    jz 3f
    decb %cl
    movb $8, %al
    cmpb %dl, %cl
    je 3f
    jmp 2f
1:  incb %ch
    testb %dl, %dl
    jnz 2f
    cmpb %dh, %ch
    jne 2f
    movb $'\r', %al
    call emit
    movb $'\n', %al
    jmp 3f
2:  movb $27, %al
    call emit
    movb $'[', %al
    call emit
    movb %dh, %al
    call emit_number
    movb $';', %al
    call emit
    movb %dl, %al
    call emit_number
    movb $'H', %al
3:  call emit
    movw %dx, BDA_TERMINAL
4:  ret

// AL + 1 in decimal, up to 100.
emit_number:
    incb %al
    cmpb $99, %al
    jbe 1f
    movb $99, %al
1:  aam
    addw $0x3030, %ax
    xchgb %al, %ah
    cmpb $'0', %al
    je 2f
    call emit
2:  movb %ah, %al
    jmp emit

emit_text:
    movb %cs:(%si), %al
    incw %si
    testb %al, %al
    jz 1f
    call emit
    jmp emit_text
1:  ret

emit:
    pushw %dx
    movw $COM1, %dx
    outb %al, %dx
    popw %dx
    ret

// AH 0 sets line parameters, which stay as they are; 1 sends AL, 2 receives, 3 asks for the state. COM1 only.
int14:
    enter_service
    testw %dx, %dx
    jnz 4f
    cmpb $1, %ah
    jb 3f
    je 1f
    cmpb $3, %ah
    ja 4f
    je 3f
    call await_byte
    movb %al, CALLER_AL
    jmp 2f
1:  call emit
2:  movw $COM1 + 5, %dx
    inb %dx, %al
    movb %al, CALLER_AH
    jmp 4f
3:  movw $COM1 + 5, %dx
    inb %dx, %al
    movb %al, %ah
    incw %dx
    inb %dx, %al
    movw %ax, CALLER_AX
4:  leave_service

await_byte:
    movw $COM1 + 5, %dx
1:  inb %dx, %al
    testb $1, %al
    jnz 2f
    call pause
    jmp 1b
2:  movw $COM1, %dx
    inb %dx, %al
    ret

// There is no printer: its status says time-out.
int17:
    enter_service
    movb $0x01, CALLER_AH
    leave_service
