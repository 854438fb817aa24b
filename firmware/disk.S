// INT 13h: the one disk there is. Its sectors are the VMM's: a request in the extended BIOS data area says which of
// them go where, and the VMM has carried it out when the OUT that points to it is done.

#include "rom.h"

    .globl int13, transfer, diskette_table
    .text

int13:
    enter_service
    pushw $EBDA
    popw %es
    call service
    // AH has the status.
    movb %ah, BDA_DISK_STATUS
    movb %ah, CALLER_AH
finish:
    testb %ah, %ah
    jz 1f
    orb $CARRY, CALLER_FLAGS
    leave_service
1:  andb $~CARRY, CALLER_FLAGS
    leave_service

service:
    cmpb $0x15, %ah
    je disk_type
    cmpb %cs:P_DRIVE, %dl
    jne bad
    movl %cs:P_SECTORS, %edi
    orl %cs:P_SECTORS + 4, %edi
    jz bad
    cmpb $CD_DRIVE, %dl
    je cd
    cmpb $0x41, %ah
    jae extensions
    cmpb $0x16, %ah
    ja bad
    movzbw %ah, %di
    addw %di, %di
    jmp *%cs:functions(%di)

    .section .rodata
functions:
    .word good, last_status, read, write, verify, good, bad, bad, geometry, good, bad, bad, good, good, bad, bad
    .word good, good, bad, bad, good, bad, good
    .text

// A CD has no tracks, takes no writes, and says how it was booted.
cd:
    testb %ah, %ah
    jz good
    cmpb $0x01, %ah
    je last_status
    cmpb $0x4b, %ah
    je cd_status
    cmpb $0x43, %ah
    je 1f
    cmpb $0x41, %ah
    jae extensions
    jmp bad
1:  movb $0x03, %ah                         // write-protected
    ret

// The specification packet of El Torito, to DS:SI. There is nothing to end: both AL = 0 and 1 only tell.
cd_status:
    cmpb $0x01, %al
    ja bad
    movw CALLER_DS, %fs
    movl $0x00e00013, %fs:(%si)             // its size, no emulation, the drive, controller 0
    movl %cs:P_CD_FIRST, %eax
    movl %eax, %fs:4(%si)
    movl $0, %fs:8(%si)
    movw %cs:P_CD_SEGMENT, %ax
    movw %ax, %fs:12(%si)
    movw %cs:P_CD_COUNT, %ax
    movw %ax, %fs:14(%si)
    movw $0, %fs:16(%si)
    movb $0, %fs:18(%si)
    jmp good

good:
    movb $0, %ah
    ret
bad:
    movb $0x01, %ah
    ret

last_status:
    movb BDA_DISK_STATUS, %ah
    movb %ah, CALLER_AL
    ret

read:
    movw $1, %di
    jmp 1f
write:
    movw $2, %di
    jmp 1f
verify:
    movw $3, %di
1:  testb %al, %al
    jz bad
    movzbw %al, %ax
    movw %ax, %es:REQUEST_COUNT
    // ES:BX, as it was called with.
    movzwl CALLER_ES, %eax
    shll $4, %eax
    movzwl %bx, %ebx
    addl %ebx, %eax
    movl %eax, %es:REQUEST_BUFFER
    movl $0, %es:REQUEST_BUFFER + 4
    // ((cylinder * heads) + head) * sectors of a track + sector - 1.
    movw %cx, %si
    movzbw %ch, %ax
    andw $0x00c0, %cx
    shlw $2, %cx
    orw %cx, %ax
    cmpw %cs:P_CYLINDERS, %ax
    jae no_sector
    movzbw %dh, %bx
    cmpw %cs:P_HEADS, %bx
    jae no_sector
    mulw %cs:P_HEADS
    addw %bx, %ax
    adcw $0, %dx
    shll $16, %edx
    movw %ax, %dx
    movzwl %cs:P_TRACK_SECTORS, %eax
    andw $0x3f, %si
    jz no_sector
    cmpw %ax, %si
    ja no_sector
    mull %edx
    movzwl %si, %esi
    decl %esi
    addl %esi, %eax
    adcl $0, %edx
    movl %eax, %es:REQUEST_SECTOR
    movl %edx, %es:REQUEST_SECTOR + 4
    call transfer
    testb %ah, %ah
    jz 2f
    movb $0, CALLER_AL
2:  ret
no_sector:
    movb $0, CALLER_AL
    movb $0x04, %ah
    ret

// Has the VMM carry out the request with command DI. AH: the status, 20h (the controller failed) where nobody answered.
transfer:
    movw %di, %es:REQUEST_COMMAND
    movl $0x20, %es:REQUEST_STATUS
    movw %cs:P_DISK_PORT, %dx
    movl $EBDA * 16 + REQUEST, %eax
    outl %eax, %dx
    movb %es:REQUEST_STATUS, %ah
    ret

geometry:
    movw %cs:P_CYLINDERS, %ax
    decw %ax
    movb %al, CALLER_CH
    movb %ah, %cl
    shlb $6, %cl
    orb %cs:P_TRACK_SECTORS, %cl
    movb %cl, CALLER_CL
    movw %cs:P_HEADS, %ax
    decw %ax
    movb %al, CALLER_DH
    movb $1, CALLER_DL
    movb $0, CALLER_AL
    testb %dl, %dl
    js good
    movb %cs:P_FLOPPY_TYPE, %al
    movb %al, CALLER_BL
    movb $0, CALLER_BH
    movw $diskette_table, CALLER_DI
    movw %cs, CALLER_ES
    jmp good

// Answers with a kind in AH, and no error, also for drives that aren't there.
disk_type:
    movb $0, %ah
    movl %cs:P_SECTORS, %eax
    movl %eax, %edi
    orl %cs:P_SECTORS + 4, %edi
    jz 2f
    cmpb %cs:P_DRIVE, %dl
    jne 2f
    movb $1, CALLER_AH                      // a floppy drive that does not notice a change
    testb %dl, %dl
    jns 1f
    movb $3, CALLER_AH
    cmpl $0, %cs:P_SECTORS + 4
    je 3f
    movl $-1, %eax
3:  movw %ax, CALLER_DX
    shrl $16, %eax
    movw %ax, CALLER_CX
    jmp 1f
2:  movb $0, CALLER_AH
1:  popw %ax                                // the way back that would store a status
    andb $~CARRY, CALLER_FLAGS
    leave_service

// IBM/MS INT 13 Extensions, subsets 1 (extended access) and 3 (enhanced drive parameters), for the fixed disk only.
extensions:
    testb %dl, %dl
    jns bad
    cmpb $0x41, %ah
    je is_extended
    movw CALLER_DS, %fs
    cmpb $0x42, %ah
    je extended_read
    cmpb $0x43, %ah
    je extended_write
    cmpb $0x44, %ah
    je extended_verify
    cmpb $0x47, %ah
    je good
    cmpb $0x48, %ah
    je extended_geometry
    jmp bad

is_extended:
    cmpw $0x55aa, %bx
    jne bad
    movw $0xaa55, CALLER_BX
    movw $0x0005, CALLER_CX
    // The version goes where the status would be.
    popw %ax
    movb $0x21, CALLER_AH
    andb $~CARRY, CALLER_FLAGS
    leave_service

extended_read:
    movw $1, %di
    jmp 1f
extended_write:
    movw $2, %di
    jmp 1f
extended_verify:
    movw $3, %di
    // DS:SI, now FS:SI: size, count, buffer as offset and segment, sector; and where the pointer is all ones, a flat
    // buffer address.
1:  cmpb $0x10, %fs:(%si)
    jb bad
    movw %fs:2(%si), %ax
    movw %ax, %es:REQUEST_COUNT
    movl %fs:8(%si), %eax
    movl %eax, %es:REQUEST_SECTOR
    movl %fs:12(%si), %eax
    movl %eax, %es:REQUEST_SECTOR + 4
    cmpb $CD_DRIVE, %dl
    jne 5f
    // Sectors of 2048 bytes, for the VMM 512.
    testl %eax, %eax
    jnz 6f
    cmpw $0x3fff, %es:REQUEST_COUNT
    ja 6f
    shlw $2, %es:REQUEST_COUNT
    movl %es:REQUEST_SECTOR, %eax
    shldl $2, %eax, %es:REQUEST_SECTOR + 4
    shll $2, %es:REQUEST_SECTOR
    jmp 5f
6:  movw $0, %fs:2(%si)
    movb $0x04, %ah
    ret
5:
    xorl %edx, %edx
    movl %fs:4(%si), %eax
    cmpl $-1, %eax
    jne 2f
    cmpb $0x18, %fs:(%si)
    jb 2f
    movl %fs:16(%si), %eax
    movl %fs:20(%si), %edx
    jmp 3f
2:  movzwl %ax, %ecx
    shrl $16, %eax
    shll $4, %eax
    addl %ecx, %eax
3:  movl %eax, %es:REQUEST_BUFFER
    movl %edx, %es:REQUEST_BUFFER + 4
    call transfer
    testb %ah, %ah
    jz 4f
    movw $0, %fs:2(%si)
4:  ret

extended_geometry:
    movw %fs:(%si), %ax
    cmpw $0x1a, %ax
    jb bad
    movw $0x1a, %fs:(%si)
    cmpb $CD_DRIVE, %dl
    je cd_geometry
    movw $2, %fs:2(%si)                     // the geometry is valid
    movzwl %cs:P_CYLINDERS, %eax
    movl %eax, %fs:4(%si)
    movzwl %cs:P_HEADS, %eax
    movl %eax, %fs:8(%si)
    movzwl %cs:P_TRACK_SECTORS, %eax
    movl %eax, %fs:12(%si)
    movl %cs:P_SECTORS, %eax
    movl %eax, %fs:16(%si)
    movl %cs:P_SECTORS + 4, %eax
    movl %eax, %fs:20(%si)
    movw $512, %fs:24(%si)
    jmp good

cd_geometry:
    movw $4, %fs:2(%si)                     // a removable medium
    movl $-1, %eax
    movl %eax, %fs:4(%si)
    movl %eax, %fs:8(%si)
    movl %eax, %fs:12(%si)
    movl %cs:P_SECTORS, %eax
    movl %cs:P_SECTORS + 4, %ecx
    shrdl $2, %ecx, %eax
    shrl $2, %ecx
    movl %eax, %fs:16(%si)
    movl %ecx, %fs:20(%si)
    movw $2048, %fs:24(%si)
    jmp good

    .section .rodata
    // INT 1Eh points here: what a floppy controller would be told for 1.44 MB.
diskette_table:
    .byte 0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08
    .text
