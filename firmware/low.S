// The first 0x500 bytes of memory as a PC's BIOS leaves them: interrupt vectors and data area. The VMM puts them there
// for every kernel.

#include "rom.h"

    .section .low, "a"
    .macro vector handler
    .word \handler, 0xf000
    .endm

    .macro fill to
    .rept (\to * 4 - (. - low)) / 4
    vector ignore
    .endr
    .endm

    .macro entry number, handler
    fill \number
    vector \handler
    .endm

low:
    entry 0x00, divide_error
    entry 0x06, invalid_opcode
    entry 0x08, int08
    entry 0x09, int09
    .rept 6
    vector end_interrupt
    .endr
    entry 0x10, int10
    entry 0x11, int11
    entry 0x12, int12
    entry 0x13, int13
    entry 0x14, int14
    entry 0x15, int15
    entry 0x16, int16
    entry 0x17, int17
    entry 0x18, int18
    entry 0x19, int19
    entry 0x1a, int1a
    entry 0x1e, diskette_table
    fill 0x70
    .rept 8
    vector end_interrupt2
    .endr
    fill 0x100

    // The data area: one serial port, no floppy drive, a display of 80 columns in colour, 639 KiB.
    .macro field offset
    .org BDA * 16 + \offset
    .endm

    field BDA_COM1
    .word COM1
    field BDA_EBDA
    .word EBDA
    field BDA_EQUIPMENT
    .word 0x0220
    field BDA_MEMORY
    .word 639
    field BDA_KEY_HEAD
    .word BDA_KEYS
    field BDA_KEY_TAIL
    .word BDA_KEYS
    field BDA_MODE
    .byte 3
    field BDA_COLUMNS
    .word SCREEN_COLUMNS
    field BDA_PAGE_SIZE
    .word 0x1000
    field BDA_SHAPE
    .word 0x0607
    field BDA_CRTC
    .word 0x3d4
    field BDA_KEYS_START_POINTER
    .word BDA_KEYS
    field BDA_KEYS_END_POINTER
    .word BDA_KEYS_END
    field BDA_ROWS
    .byte SCREEN_ROWS - 1
    field BDA_CELL_HEIGHT
    .byte 16
    field BDA_ATTRIBUTE
    .byte 7
    .org 0x500
