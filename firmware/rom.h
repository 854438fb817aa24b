// What the ROM's parts share: where things lie, and the frame of a BIOS service.

// The BIOS data area, and the fields of it that the ROM keeps: offsets in segment 0x40.
#define BDA             0x40
#define BDA_COM1        0x00
#define BDA_EBDA        0x0e
#define BDA_EQUIPMENT   0x10
#define BDA_MEMORY      0x13
#define BDA_KEY_FLAGS   0x17
#define BDA_KEY_HEAD    0x1a
#define BDA_KEY_TAIL    0x1c
#define BDA_KEYS        0x1e
#define BDA_KEYS_END    0x3e
#define BDA_DISK_STATUS 0x41
#define BDA_MODE        0x49
#define BDA_COLUMNS     0x4a
#define BDA_PAGE_SIZE   0x4c
#define BDA_CURSOR      0x50
#define BDA_SHAPE       0x60
#define BDA_CRTC        0x63
#define BDA_TICKS       0x6c
#define BDA_MIDNIGHT    0x70
#define BDA_DISKS       0x75
#define BDA_KEYS_START_POINTER 0x80
#define BDA_KEYS_END_POINTER   0x82
#define BDA_ROWS        0x84
#define BDA_CELL_HEIGHT 0x85
// From here on nobody else's: where the terminal's own cursor stands, and the last attribute that was asked for.
#define BDA_TERMINAL    0xac
#define BDA_ATTRIBUTE   0xae

#define SCREEN_COLUMNS  80
#define SCREEN_ROWS     25

// The extended BIOS data area, the last KiB below 640 KiB: the request to the disk device, and the GDT of a block move.
#define EBDA            0x9fc0
#define REQUEST         0x10
#define REQUEST_COMMAND (REQUEST + 0)
#define REQUEST_COUNT   (REQUEST + 2)
#define REQUEST_STATUS  (REQUEST + 4)
#define REQUEST_BUFFER  (REQUEST + 8)
#define REQUEST_SECTOR  (REQUEST + 16)
#define MOVE_GDT        0x40

// What the VMM tells the ROM, behind its name: Sources/Boot/ROM/BootROM.swift has the same list.
#define P_BOOT          (parameters + 0x08)
#define P_DRIVE         (parameters + 0x09)
#define P_FLOPPY_TYPE   (parameters + 0x0a)
#define P_CYLINDERS     (parameters + 0x0c)
#define P_HEADS         (parameters + 0x0e)
#define P_TRACK_SECTORS (parameters + 0x10)
#define P_DISK_PORT     (parameters + 0x12)
#define P_SECTORS       (parameters + 0x14)
#define P_ENTRY         (parameters + 0x1c)
#define P_ENTRY_DATA    (parameters + 0x20)
#define P_ENTRY_STACK   (parameters + 0x22)
#define P_KIB_TO_16M    (parameters + 0x26)
#define P_BLOCKS_TO_4G  (parameters + 0x28)
#define P_KIB_EXTENDED  (parameters + 0x2a)
#define P_REGIONS       (parameters + 0x2c)
#define P_MAP           (parameters + 0x30)
// Of a CD: where its boot code begins, in sectors of 2048 bytes; how many of 512 bytes are loaded; and to which
// segment.
#define P_CD_FIRST      (parameters + 0x30 + 32 * 20)
#define P_CD_COUNT      (parameters + 0x30 + 32 * 20 + 4)
#define P_CD_SEGMENT    (parameters + 0x30 + 32 * 20 + 6)
#define PARAMETERS_SIZE (0x30 + 32 * 20 + 8)

#define CD_DRIVE        0xe0

#define BOOT_DISK       0
#define BOOT_KERNEL     1

#define COM1            0x3f8
#define RESET_PORT      0x584
#define FAILURE_PORT    0x588

#ifdef __ASSEMBLER__
    .code16

    // A service saves all registers in a frame, and changes what it gives back there. The stack is the caller's.
    .macro enter_service
    pushw %ds
    pushw %es
    pushal
    movw %sp, %bp
    cld
    pushw $BDA
    popw %ds
    .endm

    .macro leave_service
    popal
    popw %es
    popw %ds
    iret
    .endm

#define CALLER_DI       0(%bp)
#define CALLER_SI       4(%bp)
#define CALLER_BP       8(%bp)
#define CALLER_BX       16(%bp)
#define CALLER_BL       16(%bp)
#define CALLER_BH       17(%bp)
#define CALLER_DX       20(%bp)
#define CALLER_DL       20(%bp)
#define CALLER_DH       21(%bp)
#define CALLER_CX       24(%bp)
#define CALLER_CL       24(%bp)
#define CALLER_CH       25(%bp)
#define CALLER_AX       28(%bp)
#define CALLER_AL       28(%bp)
#define CALLER_AH       29(%bp)
#define CALLER_ES       32(%bp)
#define CALLER_DS       34(%bp)
#define CALLER_FLAGS    40(%bp)
#define CARRY           0x01
#define ZERO            0x40
#endif
