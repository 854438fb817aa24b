// What the parts of this guest share: how it says what it saw. A line is "bios: NAME", then fields " NAME=HEX", by INT 10h AH=0Eh.

// A sector, free for whoever needs one.
#define BUFFER 0xa000

    .code16

    .macro begin name
    call line
    call words
    .asciz "bios: \name"
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
