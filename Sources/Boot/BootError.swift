import Bytes

/// The reason why a kernel can't be booted. Each case reads as one sentence that a person can act on.
public enum BootError: Error, CustomStringConvertible {
    /// The source failed; `cause` is its own error.
    case unreadable(structure: String, offset: UInt64, count: Int, cause: any Error)
    case emptyImage
    /// The file, or a structure in it, is shorter than it should be.
    case truncated(structure: String, end: UInt64, size: UInt64)
    case fieldOutOfRange(field: String, value: UInt64, limit: UInt64, of: String)
    case badField(field: String, value: UInt64, expected: String)

    case unknownFormat
    case unsupportedFormat(UnsupportedFormat)
    /// The fault of a gzip-compressed file.
    case badCompression(String)
    case elfWithoutEntry
    case notELF
    case noPVHNote
    case noMultibootHeader
    case notLinux(KernelFormat)
    case multibootWithoutLoadAddresses
    case notBootable(size: UInt64)
    case noDisk
    case notAFloppy(size: UInt64)

    case nothingToLoad
    case entryOutsideKernel(field: String, entry: UInt64)
    case addressOverflow(segment: String, address: UInt64, size: UInt64)
    case overlap(segment: String, range: String, other: String, otherRange: String)
    case reservedMemory(segment: String, range: String, region: String, regionRange: String)
    case memoryTooSmall(kernel: UInt64, end: UInt64, memory: UInt64)
    case outsideMemory(segment: String, range: String, memory: UInt64)
    /// `what` names the source of the size: a field, or an estimate.
    case runtimeMemory(what: String, size: UInt64, end: UInt64, memory: UInt64, canGrow: Bool)
    case flatImageTooLarge(size: UInt64, limit: UInt64)

    case noRoom(what: String, size: UInt64, memory: UInt64)
    case noRoomForInitrd(name: String, size: UInt64, field: String, limit: UInt64, memory: UInt64)
    case textTooLong(what: String, size: Int, limit: Int)
    case commandLineTooLong(size: UInt64, limit: UInt64, because: String)
    case textHoldsNUL(what: String)
    case tooManyModules(count: Int, limit: Int)
    case tooManyRegions(count: Int, limit: Int)
    case nothingTakesIt(what: String, format: KernelFormat)

    public var description: String {
        switch self {
        case .unreadable(let structure, let offset, let count, let cause):
            "can't read \(count) bytes at \(offset.hexadecimal) of the kernel file (\(structure)): \(cause)"
        case .emptyImage:
            "the kernel file is empty"
        case .truncated(let structure, let end, let size):
            "the kernel file is truncated: its \(structure) should reach to byte \(end), there are \(size)"
        case .fieldOutOfRange(let field, let value, let limit, let meaning):
            """
            \(field) is \(value.hexadecimal), more than \(limit.hexadecimal), \(meaning): the kernel file is \
            damaged or truncated
            """
        case .badField(let field, let value, let expected):
            "\(field) is \(value.hexadecimal) where \(expected) is expected"
        case .unknownFormat:
            """
            the kernel file is of no known format: it is neither ELF nor a Linux bzImage nor multiboot nor a disk \
            with a boot sector; a flat binary is booted when its name ends in \
            .bin or .flat, or with --format flat
            """
        case .unsupportedFormat(let format):
            "the kernel file is \(format), which is known but not supported yet: \(format.remedy)"
        case .badCompression(let reason):
            "the kernel file is gzip-compressed and can't be decompressed: \(reason)"
        case .elfWithoutEntry:
            """
            the ELF file is no kernel that can be booted: it has neither a PVH note (owner Xen, type 18) nor a \
            multiboot header in its \
            first 8192 bytes; a Linux vmlinux needs CONFIG_PVH
            """
        case .notELF:
            "the kernel file can't be booted as PVH: it is no ELF file"
        case .noPVHNote:
            "the kernel file can't be booted as PVH: it has no PVH note (owner Xen, type 18)"
        case .noMultibootHeader:
            """
            the kernel file can't be booted as multiboot: it has no multiboot header (magic 0x1badb002) in its \
            first 8192 bytes
            """
        case .notLinux(let format):
            "the kernel file can't be booted as \(format): it has no setup header (HdrS at 0x202), so it is no bzImage"
        case .multibootWithoutLoadAddresses:
            """
            the multiboot header has no address fields (flag 16) and the kernel file is no ELF file, so nothing \
            says where to load it
            """
        case .notBootable(let size):
            "the file can't be booted as a disk image: "
                + (size < DiskImage.sectorSize || size > DiskImage.maximumSize
                    ? "it has \(size) bytes, where \(DiskImage.sectorSize) to \(DiskImage.maximumSize) are expected"
                    : "its first sector has no boot signature (0x55 0xaa at byte 510)")
        case .noDisk:
            """
            a disk type was given, and the file is no disk image: it has no boot signature (a CD: no boot record), \
            or is a kernel by its signs (--format disk boots it as a disk)
            """
        case .notAFloppy(let size):
            """
            the image has \(size) bytes, more than the \(DiskImage.largestFloppy) of the largest floppy: it can \
            only be a disk
            """
        case .nothingToLoad:
            "the ELF file has no segment to load"
        case .entryOutsideKernel(let field, let entry):
            "\(field) is \(entry.hexadecimal), which lies in none of the kernel's loaded segments below 4 GiB"
        case .addressOverflow(let segment, let address, let size):
            """
            \(segment) wraps around the address space: it starts at \(address.hexadecimal) and is \
            \(size.hexadecimal) bytes long
            """
        case .overlap(let segment, let range, let other, let otherRange):
            "\(segment) (\(range)) overlaps \(other) (\(otherRange))"
        case .reservedMemory(let segment, let range, let region, let regionRange):
            "\(segment) (\(range)) lies in memory that is reserved for \(region) (\(regionRange))"
        case .memoryTooSmall(let kernel, let end, let memory):
            """
            the kernel is larger than the guest's memory: it needs \(Self.size(kernel)) up to address \
            \(end.hexadecimal), \
            the guest has \(Self.size(memory)); --memory \(Self.megabytes(upTo: end)) or more would hold it
            """
        case .outsideMemory(let segment, let range, let memory):
            """
            \(segment) (\(range)) lies outside the guest's memory (\(Self.size(memory))), and no --memory would \
            put RAM there
            """
        case .runtimeMemory(let what, let size, let end, let memory, let canGrow):
            "\(what) needs \(Self.size(size)), up to address \(end.hexadecimal) at least, which the guest's memory "
                + "(\(Self.size(memory))) doesn't have there: "
                + (canGrow
                    ? "--memory \(Self.megabytes(upTo: end)) or more would hold it" : "no --memory would put RAM there")
        case .flatImageTooLarge(let size, let limit):
            """
            the flat binary is \(size) bytes long, more than the \(limit) that fit between 0x10000 and the legacy \
            area at 0x9fc00
            """
        case .noRoom(let what, let size, let memory):
            """
            there is no room for \(what) (\(Self.size(size))) beside the kernel in the guest's memory \
            (\(Self.size(memory))): \
            give more with --memory
            """
        case .noRoomForInitrd(let name, let size, let field, let limit, let memory):
            """
            there is no room for initrd \(name) (\(Self.size(size))) beside the kernel in the guest's memory \
            (\(Self.size(memory))) \
            below \(limit.hexadecimal), the highest address the kernel takes it at (\(field))
            """
                + (limit.addingSaturating(1) > memory ? ": give more with --memory" : "")
        case .textTooLong(let what, let size, let limit):
            "\(what) is \(size) bytes long, more than the \(limit) that are allowed"
        case .commandLineTooLong(let size, let limit, let reason):
            "the command line is \(size) bytes long, more than the \(limit) that this kernel takes (\(reason))"
        case .textHoldsNUL(let what):
            "\(what) holds a NUL character, at which the guest would take it to end"
        case .tooManyModules(let count, let limit):
            "\(count) modules are more than the \(limit) that are allowed"
        case .tooManyRegions(let count, let limit):
            """
            the memory map has \(count) regions, more than the \(limit) that a kernel of a boot protocol before \
            2.09 takes
            """
        case .nothingTakesIt(let what, let format):
            "a kernel booted as \(format) has no way to receive \(what)"
        }
    }

    private static func size(_ bytes: UInt64) -> String {
        let unit: UInt64 = 1 << 20
        return bytes >= unit && bytes % unit == 0 ? "\(bytes / unit) MiB" : "\(bytes) bytes"
    }

    private static func megabytes(upTo address: UInt64) -> String {
        "\((address.aligned(upTo: 1 << 20) ?? address) >> 20)M"
    }
}
