// The first 4 GiB mapped one to one with 2 MiB pages, finished at assembly time. The lower half is cached; the upper
// half holds the devices and is not. Addresses above 4 GiB are added by paging.c.

#define PRESENT_WRITABLE 0x3
#define UNCACHED 0x18                       /* PCD and PWT */
#define LARGE 0x80
#define PAGE_2M 0x200000

    .section .data.page_tables, "aw"
    .balign 4096
    .globl page_table_root
page_table_root:
    .quad directory_pointers + PRESENT_WRITABLE
    .fill 511, 8, 0
directory_pointers:
    .quad directories + 0x0000 + PRESENT_WRITABLE
    .quad directories + 0x1000 + PRESENT_WRITABLE
    .quad directories + 0x2000 + PRESENT_WRITABLE
    .quad directories + 0x3000 + PRESENT_WRITABLE
    .fill 508, 8, 0
directories:
    .set address, 0
    .rept 1024
    .quad address + PRESENT_WRITABLE + LARGE
    .set address, address + PAGE_2M
    .endr
    .rept 1024
    .quad address + PRESENT_WRITABLE + LARGE + UNCACHED
    .set address, address + PAGE_2M
    .endr

    .section .note.GNU-stack, "", @progbits
