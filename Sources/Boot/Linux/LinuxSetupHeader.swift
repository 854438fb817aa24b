import Bytes

/// The setup header at the start of a Linux bzImage, with the fields that a boot loader reads and fills in: Linux,
/// Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
struct LinuxSetupHeader: Equatable, Sendable {
    /// A field: its name in the source, its place in the file, and the first protocol version that has it.
    struct Field: Equatable, Sendable {
        let name: String
        let offset: Int
        /// Bytes.
        let size: Int
        /// Major and minor version in a byte each.
        let version: UInt16

        private init(_ name: String, _ offset: Int, _ size: Int, _ version: UInt16) {
            self.name = "setup header: \(name) (\(UInt64(offset).hexadecimal))"
            self.offset = offset
            self.size = size
            self.version = version
        }

        static let setupSectors = Field("setup_sects", 0x1f1, 1, 0x0200)
        static let systemSize = Field("syssize", 0x1f4, 4, 0x0204)
        static let videoMode = Field("vid_mode", 0x1fa, 2, 0x0200)
        static let bootFlag = Field("boot_flag", 0x1fe, 2, 0x0200)
        static let jump = Field("jump", 0x200, 2, 0x0200)
        static let protocolVersion = Field("version", 0x206, 2, 0x0200)
        static let loaderType = Field("type_of_loader", 0x210, 1, 0x0200)
        static let loadFlags = Field("loadflags", 0x211, 1, 0x0200)
        static let setupMoveSize = Field("setup_move_size", 0x212, 2, 0x0200)
        static let code32Start = Field("code32_start", 0x214, 4, 0x0200)
        static let ramdiskImage = Field("ramdisk_image", 0x218, 4, 0x0200)
        static let ramdiskSize = Field("ramdisk_size", 0x21c, 4, 0x0200)
        static let heapEnd = Field("heap_end_ptr", 0x224, 2, 0x0201)
        static let commandLine = Field("cmd_line_ptr", 0x228, 4, 0x0202)
        static let initrdLimit = Field("initrd_addr_max", 0x22c, 4, 0x0203)
        static let alignment = Field("kernel_alignment", 0x230, 4, 0x0205)
        static let isRelocatable = Field("relocatable_kernel", 0x234, 1, 0x0205)
        static let minimumAlignment = Field("min_alignment", 0x235, 1, 0x020a)
        static let extendedLoadFlags = Field("xloadflags", 0x236, 2, 0x020c)
        static let commandLineSize = Field("cmdline_size", 0x238, 4, 0x0206)
        static let setupData = Field("setup_data", 0x250, 8, 0x0209)
        static let preferredAddress = Field("pref_address", 0x258, 8, 0x020a)
        static let initialSize = Field("init_size", 0x260, 4, 0x020a)
    }

    /// The start in the file of the part that is copied to the boot parameters.
    static let start = Field.setupSectors.offset

    private static let magic = Array("HdrS".utf8)
    private static let magicOffset = 0x202

    /// All of protocol 2.00, up to bootsect_kludge, must exist.
    private static let smallestEnd = 0x224

    /// The file up to the header's end, which is at most 0x281.
    private(set) var bytes: [UInt8]
    /// Protocol version, 0x0200 or more.
    let version: UInt16

    /// Reads the header; nil for a file that has none.
    /// - Throws: ``BootError`` if it is damaged or extends beyond the file.
    init?(_ image: some ImageSource) throws(BootError) {
        let versionField = Field.protocolVersion
        let versionEnd = versionField.offset + versionField.size
        guard image.size >= UInt64(versionEnd) else { return nil }
        let head = try image.structure("Linux setup header", at: 0, count: versionEnd)
        guard head.holds(Self.magic, at: Self.magicOffset) else { return nil }

        let flag = UInt64(try head.uint16(at: Field.bootFlag.offset))
        guard flag == 0xaa55 else { throw .badField(field: Field.bootFlag.name, value: flag, expected: "0xaa55") }
        version = try head.uint16(at: versionField.offset)
        guard version >= 0x0200 else {
            throw .badField(field: versionField.name, value: UInt64(version), expected: "0x200 or more")
        }
        // A short jump over the rest of the header: its displacement, relative to 0x202, gives the header's end.
        let jump = try head.uint16(at: Field.jump.offset)
        let end = Self.magicOffset + Int(jump >> 8)
        guard jump & 0xff == 0xeb, jump >> 8 < 0x80, end >= Self.smallestEnd else {
            throw .badField(
                field: Field.jump.name, value: UInt64(jump),
                expected: "a short jump (0xeb) beyond \(UInt64(Self.smallestEnd).hexadecimal)")
        }
        bytes = try image.structure("Linux setup header", at: 0, count: end).bytes
        guard version < Field.commandLine.version || has(.commandLine) else {
            throw .badField(
                field: Field.jump.name, value: UInt64(jump),
                expected: "a jump beyond cmd_line_ptr (protocol 2.02)")
        }
    }

    /// Returns true if the image's protocol has the field. A header that ends before it lacks it, whatever its version.
    func has(_ field: Field) -> Bool {
        version >= field.version && field.offset + field.size <= bytes.count
    }

    /// A field's value, nil if the image's protocol lacks it. Setting such a field has no effect.
    subscript(field: Field) -> UInt64? {
        get {
            guard has(field) else { return nil }
            return bytes.littleEndian(at: field.offset, count: field.size)
        }
        set {
            guard has(field), let newValue else { return }
            for index in 0..<field.size {
                bytes[field.offset + index] = UInt8(truncatingIfNeeded: newValue >> UInt64(8 * index))
            }
        }
    }
}

extension LinuxSetupHeader {
    static let canUseHeap: UInt64 = 1 << 7

    private static let loadedHigh: UInt64 = 1 << 0
    private static let kernel64: UInt64 = 1 << 0
    private static let above4GiB: UInt64 = 1 << 1

    /// The number of bytes before the protected-mode code in the file: boot sector and setup code.
    var setupSize: UInt64 {
        let sectors = self[.setupSectors] ?? 0
        return (sectors == 0 ? 4 + 1 : sectors + 1) * 512
    }

    /// LOADED_HIGH: a bzImage, whose protected-mode code is loaded at 1 MiB or above. False for a zImage.
    var loadsHigh: Bool { (self[.loadFlags] ?? 0) & Self.loadedHigh != 0 }

    /// The load address of the protected-mode code unless it is relocated; nil if the image doesn't give it: it then
    /// has no 32-bit entry, and moves its code itself from real mode, as network boot loaders do.
    var loadAddress: UInt64? { self[.code32Start].flatMap { $0 == 0 ? nil : $0 } }

    /// XLF_KERNEL_64: the image has the 64-bit entry point.
    var has64BitEntry: Bool { (self[.extendedLoadFlags] ?? 0) & Self.kernel64 != 0 }

    /// XLF_CAN_BE_LOADED_ABOVE_4G: the initrd may be there too.
    var reachesAbove4GiB: Bool { (self[.extendedLoadFlags] ?? 0) & Self.above4GiB != 0 }

    var isRelocatable: Bool { (self[.isRelocatable] ?? 0) != 0 }

    /// The largest command line in bytes, without the NUL.
    var maximumCommandLine: UInt64 { self[.commandLineSize] ?? 255 }

    /// The highest address that an initrd may occupy.
    var initrdLimit: UInt64 { self[.initrdLimit] ?? 0x37ff_ffff }

    /// Alignments of the load address to try, the preferred one first.
    /// - Throws: ``BootError/badField(field:value:expected:)`` for a kernel_alignment that is no power of two.
    var alignments: [UInt64] {
        get throws(BootError) {
            let preferred = self[.alignment] ?? 1
            guard preferred.nonzeroBitCount == 1 else {
                throw .badField(field: Field.alignment.name, value: preferred, expected: "a power of two")
            }
            let exponent = UInt64(preferred.trailingZeroBitCount)
            let minimum = self[.minimumAlignment] ?? 0
            guard minimum > 0, minimum < exponent else { return [preferred] }
            return (minimum...exponent).reversed().map { 1 << $0 }
        }
    }

    /// Sets the fields common to all entries: the loader's id, and the video mode (the normal one; there is no video).
    mutating func fillCommonFields() {
        self[.loaderType] = 0xff
        self[.videoMode] = 0xffff
        self[.setupData] = 0
    }
}
