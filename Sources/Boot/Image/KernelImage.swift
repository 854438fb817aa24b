/// The way to load and enter a kernel.
public enum KernelFormat: String, CaseIterable, Sendable, CustomStringConvertible {
    /// ELF with a Xen note that names a 32-bit entry point.
    case pvh
    /// Multiboot 1: a header in the first 8 KiB, of an ELF file or of a file that gives its own load addresses.
    case multiboot
    /// A Linux bzImage by the best of its entries; a plan has the choice.
    case linux
    /// Linux by its 64-bit boot protocol.
    case linux64
    /// Linux by its 32-bit boot protocol: old kernels, memory testers.
    case linux32
    /// Linux by its real-mode entry, through firmware: images that call the BIOS.
    case linux16
    /// A disk or floppy image that begins with a boot sector, through firmware.
    case disk
    /// Bare code that starts in real mode.
    case flat

    public var description: String {
        switch self {
        case .pvh: "ELF with a PVH note"
        case .multiboot: "multiboot 1"
        case .linux: "Linux"
        case .linux64: "Linux by the 64-bit boot protocol"
        case .linux32: "Linux by the 32-bit boot protocol"
        case .linux16: "Linux by the real-mode entry"
        case .disk: "disk image"
        case .flat: "flat binary"
        }
    }

    /// True for the ways to boot a Linux bzImage.
    public var isLinux: Bool {
        switch self {
        case .linux, .linux64, .linux32, .linux16: true
        case .pvh, .multiboot, .disk, .flat: false
        }
    }
}

/// A kind of file that is recognised but can't be booted; the error names it and a remedy.
public enum UnsupportedFormat: String, CaseIterable, Sendable, CustomStringConvertible {
    case multiboot2, iso9660, gzip, xz, zstd, lz4, bzip2, lzma

    public var description: String {
        switch self {
        case .multiboot2: "a multiboot 2 kernel"
        case .iso9660: "the image of a CD (ISO 9660)"
        case .gzip, .bzip2, .zstd: "a \(rawValue)-compressed file"
        case .xz, .lz4, .lzma: "an \(rawValue)-compressed file"
        }
    }

    /// Advice for the user.
    public var remedy: String {
        switch self {
        case .multiboot2:
            "give it a multiboot 1 header or a PVH note as well, or boot a disk image on which GRUB loads it"
        case .iso9660:
            """
            give the kernel and the initrd that are on it, or an image that boots as a disk too, as isohybrid \
            makes them
            """
        // gzip: within gzip, or without a header; KernelLoader decompresses others.
        case .gzip, .bzip2, .zstd, .xz, .lz4, .lzma: "decompress it first"
        }
    }
}

/// The detected kind of a kernel file.
enum KernelImage {
    case pvh(ELFImage, PVHNote)
    case linux(LinuxImage)
    case multibootELF(ELFImage, MultibootHeader)
    case multibootRaw(MultibootHeader)
    case disk(DiskImage)
    case flat

    /// Suffixes that mark a file as bare code, which has no magic number.
    static let flatSuffixes = [".bin", ".flat"]

    /// Detects the kind of an image.
    /// - Parameters:
    ///   - image: The kernel file.
    ///   - name: Its name; a suffix in ``flatSuffixes`` makes a file without any known magic number a flat binary.
    ///   - format: The only format to consider, or nil for the first that fits: PVH, Linux, disk, multiboot, flat.
    ///   - diskKind: The kind of a disk, or nil to detect it.
    /// - Returns: The format, with the data read to recognise it.
    /// - Throws: ``BootError`` for a damaged file, or one that can't be booted (in the format asked for).
    static func recognize(
        _ image: some ImageSource, name: String, format: KernelFormat?, diskKind: DiskImage.Kind? = nil
    ) throws(BootError) -> KernelImage {
        guard image.size > 0 else { throw .emptyImage }
        if format == .flat { return .flat }
        if format == .disk {
            guard let disk = try DiskImage(image, kind: diskKind) else { throw .notBootable(size: image.size) }
            return .disk(disk)
        }
        if let format, format.isLinux {
            guard let linux = try LinuxImage(image) else { throw .notLinux(format) }
            return .linux(linux)
        }
        let elf = try ELFImage(image)
        if let elf, format != .multiboot, let note = try PVHNote(of: elf, in: image) {
            return .pvh(elf, note)
        }
        if format == .pvh {
            throw elf == nil ? .notELF : .noPVHNote
        }
        if elf == nil, format == nil, let linux = try LinuxImage(image) {
            return .linux(linux)
        }
        // Before multiboot: a disk's boot loader may have a multiboot header as well.
        if elf == nil, format == nil, let disk = try DiskImage(image, kind: diskKind) {
            return .disk(disk)
        }
        switch (try MultibootHeader(searching: image), elf) {
        case (let header?, _) where header.givesLoadAddresses: return .multibootRaw(header)
        case (let header?, let elf?): return .multibootELF(elf, header)
        case (.some, nil): throw .multibootWithoutLoadAddresses
        case (nil, .some) where try isMultiboot2(image): throw .unsupportedFormat(.multiboot2)
        case (nil, _) where format == .multiboot: throw .noMultibootHeader
        case (nil, .some): throw .elfWithoutEntry
        case (nil, nil): break
        }
        if let known = try unsupportedFormat(of: image) {
            throw .unsupportedFormat(known)
        }
        guard flatSuffixes.contains(where: { name.lowercased().hasSuffix($0) }) else {
            throw .unknownFormat
        }
        return .flat
    }

    private static func unsupportedFormat(of image: some ImageSource) throws(BootError) -> UnsupportedFormat? {
        let head = try image.structure(
            "head of the file", at: 0, count: Int(min(image.size, MultibootHeader.searchLength)))
        let magics: [(UnsupportedFormat, [UInt8])] = [
            (.gzip, [0x1f, 0x8b]), (.xz, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), (.zstd, [0x28, 0xb5, 0x2f, 0xfd]),
            (.lz4, [0x04, 0x22, 0x4d, 0x18]), (.lz4, [0x02, 0x21, 0x4c, 0x18]), (.bzip2, Array("BZh".utf8)),
            (.lzma, [0x5d, 0x00, 0x00]),
        ]
        if let (format, _) = magics.first(where: { head.holds($0.1, at: 0) }) { return format }
        if try isMultiboot2(image) { return .multiboot2 }
        return try isISO9660(image) ? .iso9660 : nil
    }

    /// Returns true for Multiboot2 Specification 2.0, section 3.1.1: its magic number on an 8-byte boundary of the
    /// first 32 KiB.
    private static func isMultiboot2(_ image: some ImageSource) throws(BootError) -> Bool {
        let head = try image.structure("head of the file", at: 0, count: Int(min(image.size, 32768)))
        return stride(from: 0, to: head.count, by: 8).contains { head.holds([0xd6, 0x50, 0x52, 0xe8], at: $0) }
    }

    /// Returns true for ECMA-119, section 8: a volume descriptor in the first sector of 2 KiB after the system area.
    private static func isISO9660(_ image: some ImageSource) throws(BootError) -> Bool {
        guard image.size >= 0x8006 else { return false }
        return try image.structure("volume descriptor", at: 0x8000, count: 6).holds(Array("CD001".utf8), at: 1)
    }
}
