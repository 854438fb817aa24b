// How a guest in real mode says what it saw: a line is "GUEST: NAME", then fields " NAME=HEX", by INT 10h AH=0Eh.

#ifndef GUEST
#define GUEST "bios"
#endif

// A sector, free for whoever needs one.
#define BUFFER 0xa000

    .code16

    .macro begin name
    call line
    call words
    .ascii GUEST
    .asciz ": \name"
    .endm

    // A field: the low 16 bits of a register, or those of AX.
    .macro field name, value=%ax
    pushw \value
    call words
    .asciz " \name="
    call hex
    .endm

    // The carry flag as it is now; leaves all flags.
    .macro carry
    pushfw
    pushfw
    call words
    .asciz " cf="
    call flag
    popfw
    .endm
