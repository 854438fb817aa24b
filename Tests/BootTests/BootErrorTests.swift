import Testing

@testable import Boot

/// Each error's sentence, word for word, and nowhere else: other tests look at the case, or at the name of what is
/// wrong.
struct BootErrorTests {
    private struct Cause: Error, CustomStringConvertible { let description = "Input/output error" }

    private static let files: [(BootError, String)] = [
        (
            .unreadable(structure: "ELF header", offset: 0x40, count: 64, cause: Cause()),
            "can't read 64 bytes at 0x40 of the kernel file (ELF header): Input/output error"
        ),
        (.emptyImage, "the kernel file is empty"),
        (
            .truncated(structure: "program headers", end: 4096, size: 3000),
            "the kernel file is truncated: its program headers should reach to byte 4096, there are 3000"
        ),
        (
            .fieldOutOfRange(field: "e_phoff", value: 0x2000, limit: 0x1000, of: "the file's size"),
            "e_phoff is 0x2000, more than 0x1000, the file's size: the kernel file is damaged or truncated"
        ),
        (
            .badField(field: "e_machine", value: 0xB7, expected: "0x3e or 0x3"),
            "e_machine is 0xb7 where 0x3e or 0x3 is expected"
        ),
        (
            .unknownFormat,
            """
            the kernel file is of no known format: it is neither ELF nor a Linux bzImage nor multiboot nor a disk with \
            a boot sector; a flat binary is booted when its name ends in .bin or .flat, or with --format flat
            """
        ),
        (
            .unsupportedFormat(.xz),
            "the kernel file is an xz-compressed file, which is known but not supported yet: decompress it first"
        ),
        (
            .badCompression("its checksum is wrong"),
            "the kernel file is gzip-compressed and can't be decompressed: its checksum is wrong"
        ),
        (
            .elfWithoutEntry,
            """
            the ELF file is no kernel that can be booted: it has neither a PVH note (owner Xen, type 18) nor a \
            multiboot header in its first 8192 bytes; a Linux vmlinux needs CONFIG_PVH
            """
        ),
        (.notELF, "the kernel file can't be booted as PVH: it is no ELF file"),
        (.noPVHNote, "the kernel file can't be booted as PVH: it has no PVH note (owner Xen, type 18)"),
        (
            .noMultibootHeader,
            """
            the kernel file can't be booted as multiboot: it has no multiboot header (magic 0x1badb002) in its first \
            8192 bytes
            """
        ),
        (
            .notLinux(.linux32),
            """
            the kernel file can't be booted as Linux by the 32-bit boot protocol: it has no setup header (HdrS at \
            0x202), so it is no bzImage
            """
        ),
        (
            .multibootWithoutLoadAddresses,
            """
            the multiboot header has no address fields (flag 16) and the kernel file is no ELF file, so nothing says \
            where to load it
            """
        ),
        (
            .notBootable(size: 100),
            "the file can't be booted as a disk image: it has 100 bytes, where 512 to 2199023255552 are expected"
        ),
        (
            .notBootable(size: 512),
            "the file can't be booted as a disk image: its first sector has no boot signature (0x55 0xaa at byte 510)"
        ),
        (
            .noDisk,
            """
            a disk type was given, and the file is no disk image: it has no boot signature (a CD: no boot record), or \
            is a kernel by its signs (--format disk boots it as a disk)
            """
        ),
        (
            .notAFloppy(size: 3_000_000),
            "the image has 3000000 bytes, more than the 2949120 of the largest floppy: it can only be a disk"
        ),
    ]

    private static let places: [(BootError, String)] = [
        (.nothingToLoad, "the ELF file has no segment to load"),
        (
            .entryOutsideKernel(field: "e_entry", entry: 0x8_0000),
            "e_entry is 0x80000, which lies in none of the kernel's loaded segments below 4 GiB"
        ),
        (
            .addressOverflow(segment: "segment 1", address: 0xFFFF_FFFF_FFFF_F000, size: 0x2000),
            "segment 1 wraps around the address space: it starts at 0xfffffffffffff000 and is 0x2000 bytes long"
        ),
        (
            .overlap(
                segment: "segment 1", range: "0x1000...0x1fff", other: "segment 0", otherRange: "0x1800...0x27ff"),
            "segment 1 (0x1000...0x1fff) overlaps segment 0 (0x1800...0x27ff)"
        ),
        (
            .reservedMemory(
                segment: "segment 1", range: "0x9f000...0xa0fff", region: "the BIOS", regionRange: "0x9fc00...0x9ffff"),
            "segment 1 (0x9f000...0xa0fff) lies in memory that is reserved for the BIOS (0x9fc00...0x9ffff)"
        ),
        (
            .memoryTooSmall(kernel: 3 << 20, end: 0x40_0001, memory: 4 << 20),
            """
            the kernel is larger than the guest's memory: it needs 3 MiB up to address 0x400001, the guest has 4 MiB; \
            --memory 5M or more would hold it
            """
        ),
        (
            .outsideMemory(segment: "segment 1", range: "0xe0000000...0xe0000fff", memory: 1 << 20),
            """
            segment 1 (0xe0000000...0xe0000fff) lies outside the guest's memory (1 MiB), and no --memory would put RAM \
            there
            """
        ),
        (
            .runtimeMemory(what: "init_size", size: 1000, end: 0x20_0000, memory: 1 << 20, canGrow: true),
            """
            init_size needs 1000 bytes, up to address 0x200000 at least, which the guest's memory (1 MiB) doesn't have \
            there: --memory 2M or more would hold it
            """
        ),
        (
            .runtimeMemory(what: "init_size", size: 1000, end: 0xE020_0000, memory: 1 << 20, canGrow: false),
            """
            init_size needs 1000 bytes, up to address 0xe0200000 at least, which the guest's memory (1 MiB) doesn't \
            have there: no --memory would put RAM there
            """
        ),
        (
            .flatImageTooLarge(size: 600_000, limit: 588_800),
            """
            the flat binary is 600000 bytes long, more than the 588800 that fit between 0x10000 and the legacy area at \
            0x9fc00
            """
        ),
    ]

    private static let room: [(BootError, String)] = [
        (
            .noRoom(what: "the module a", size: 2 << 20, memory: 1 << 20),
            """
            there is no room for the module a (2 MiB) beside the kernel in the guest's memory (1 MiB): give more with \
            --memory
            """
        ),
        (
            .noRoomForInitrd(name: "a", size: 2 << 20, field: "initrd_addr_max", limit: 0x7FFF_FFFF, memory: 1 << 20),
            """
            there is no room for initrd a (2 MiB) beside the kernel in the guest's memory (1 MiB) below 0x7fffffff, \
            the highest address the kernel takes it at (initrd_addr_max): give more with --memory
            """
        ),
        (
            .noRoomForInitrd(name: "a", size: 2 << 20, field: "initrd_addr_max", limit: 0xF_FFFF, memory: 1 << 20),
            """
            there is no room for initrd a (2 MiB) beside the kernel in the guest's memory (1 MiB) below 0xfffff, the \
            highest address the kernel takes it at (initrd_addr_max)
            """
        ),
        (
            .textTooLong(what: "the name of module 1", size: 5000, limit: 4096),
            "the name of module 1 is 5000 bytes long, more than the 4096 that are allowed"
        ),
        (
            .commandLineTooLong(size: 300, limit: 255, because: "boot protocol 2.05"),
            "the command line is 300 bytes long, more than the 255 that this kernel takes (boot protocol 2.05)"
        ),
        (
            .textHoldsNUL(what: "the command line"),
            "the command line holds a NUL character, at which the guest would take it to end"
        ),
        (.tooManyModules(count: 200, limit: 128), "200 modules are more than the 128 that are allowed"),
        (
            .tooManyRegions(count: 130, limit: 128),
            """
            the memory map has 130 regions, more than the 128 that a kernel of a boot protocol before 2.09 takes
            """
        ),
        (
            .nothingTakesIt(what: "an initrd", format: .flat),
            "a kernel booted as \(KernelFormat.flat) has no way to receive an initrd"
        ),
    ]

    @Test func eachErrorHasItsSentence() {
        for (error, sentence) in Self.files + Self.places + Self.room { #expect("\(error)" == sentence) }
    }

    @Test func eachErrorOfTheFirmwareTablesHasItsSentence() {
        #expect(
            "\(FirmwareTablesError.badField("processors", reason: "there are none"))"
                == "the machine can't be described to the guest: processors: there are none")
        #expect(
            "\(FirmwareTablesError.noRoom(what: "ACPI tables", size: 70000, limit: 65536, processors: 300))"
                == """
                the ACPI tables for 300 processors are 70000 bytes long, more than the 65536 there is room for in the \
                BIOS area: give fewer --cpus
                """)
    }
}
