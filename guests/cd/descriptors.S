// What is on a CD before its boot code: volume descriptors in sectors 16 and 17, the boot catalog in 18. There is no
// file system. MEDIUM is what the catalog says that boots: 0 the CD itself, 2 a floppy of 1.44 MB, 4 a hard disk.

#define CODE 19
#if MEDIUM == 0
#define SECTORS 12                          /* of 512 bytes */
#else
#define SECTORS 1
#endif

    .section .text
    .org 16 * 2048
    .byte 1
    .ascii "CD001"
    .byte 1
    .org 17 * 2048
    .byte 0
    .ascii "CD001"
    .byte 1
    .ascii "EL TORITO SPECIFICATION"
    .org 17 * 2048 + 0x47
    .long 18
    .org 18 * 2048
    .byte 1, 0, 0, 0
    .fill 24, 1, 0
    .word -(0x0001 + 0xaa55) & 0xffff       // all words of the entry make 0
    .byte 0x55, 0xaa
    .byte 0x88, MEDIUM                      // bootable
    .word 0x07c0, 0, SECTORS
    .long CODE
    .org 19 * 2048

    .section .note.GNU-stack, "", @progbits
