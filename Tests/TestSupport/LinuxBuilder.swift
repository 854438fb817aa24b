/// A made-up Linux image: boot sector and setup code, then protected-mode code. Fields are as Debian's kernels have
/// them, but for the sizes. Linux, Documentation/arch/x86/boot.rst.
public struct LinuxBuilder: Sendable {
    public var version: UInt16
    /// Sectors of 512 bytes behind the boot sector.
    public var setupSectors: UInt8
    /// Where the header ends in the file, 0x281 at the most.
    public var headerEnd: Int
    /// LOADED_HIGH.
    public var loadFlags: UInt8
    public var code32Start: UInt32
    public var initrdLimit: UInt32
    public var alignment: UInt32
    public var isRelocatable: Bool
    /// A power of two's exponent.
    public var minimumAlignment: UInt8
    /// XLF_KERNEL_64 and XLF_CAN_BE_LOADED_ABOVE_4G.
    public var extendedLoadFlags: UInt16
    public var commandLineSize: UInt32
    public var preferredAddress: UInt64
    public var initialSize: UInt32
    /// One byte more than a multiple of 16, so that `syssize` tells the file's size to the byte.
    public var codeSize: Int
    /// Whether the setup code has an instruction that switches to protected mode.
    public var setupSwitchesMode: Bool
    /// What it says of itself, as `6.1.0 (a@b) #1`: shorter than what is left of the setup code. Empty: nothing.
    public var release = ""
    /// The code at its 64-bit entry, 512 bytes behind the 32-bit one: as much as `codeSize` has room for.
    public var code: [UInt8] = []

    public init(
        version: UInt16 = 0x020f, setupSectors: UInt8 = 1, headerEnd: Int = 0x26c, loadFlags: UInt8 = 1,
        code32Start: UInt32 = 0x100000, initrdLimit: UInt32 = 0x7fff_ffff, alignment: UInt32 = 0x20_0000,
        isRelocatable: Bool = true, minimumAlignment: UInt8 = 21, extendedLoadFlags: UInt16 = 3,
        commandLineSize: UInt32 = 2047, preferredAddress: UInt64 = 0x100_0000, initialSize: UInt32 = 0x40_0000,
        codeSize: Int = 1025, setupSwitchesMode: Bool = true
    ) {
        self.version = version
        self.setupSectors = setupSectors
        self.headerEnd = headerEnd
        self.loadFlags = loadFlags
        self.code32Start = code32Start
        self.initrdLimit = initrdLimit
        self.alignment = alignment
        self.isRelocatable = isRelocatable
        self.minimumAlignment = minimumAlignment
        self.extendedLoadFlags = extendedLoadFlags
        self.commandLineSize = commandLineSize
        self.preferredAddress = preferredAddress
        self.initialSize = initialSize
        self.codeSize = codeSize
        self.setupSwitchesMode = setupSwitchesMode
    }

    /// A kernel of the time before 64 bits, with all of protocol 2.05 and nothing later.
    public static let protocol205 = LinuxBuilder(
        version: 0x0205, headerEnd: 0x238, initrdLimit: 0x37ff_ffff, isRelocatable: false)

    /// A kernel that can only be loaded low, at 0x10000.
    public static let zImage = LinuxBuilder(
        version: 0x0201, setupSectors: 4, headerEnd: 0x228, loadFlags: 0, code32Start: 0x1000, isRelocatable: false)

    /// An image without a 32-bit entry, as network boot loaders are.
    public static let bootLoader = LinuxBuilder(
        version: 0x0207, headerEnd: 0x250, code32Start: 0, initrdLimit: .max, alignment: 0, isRelocatable: false,
        extendedLoadFlags: 0)

    public var setupSize: Int { (Int(setupSectors == 0 ? 4 : setupSectors) + 1) * 512 }

    public var bytes: [UInt8] {
        var header = [UInt8](repeating: 0, count: 0x281)
        func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
            withUnsafeBytes(of: value.littleEndian) { header.replaceSubrange(offset..<offset + $0.count, with: $0) }
        }
        put(setupSectors, at: 0x1f1)
        put(UInt32(truncatingIfNeeded: (codeSize + 15) / 16), at: 0x1f4)
        put(UInt16(0xaa55), at: 0x1fe)
        put(UInt8(0xeb), at: 0x200)
        put(UInt8(truncatingIfNeeded: headerEnd - 0x202), at: 0x201)
        header.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        put(version, at: 0x206)
        put(loadFlags, at: 0x211)
        put(code32Start, at: 0x214)
        put(initrdLimit, at: 0x22c)
        put(alignment, at: 0x230)
        put(UInt8(isRelocatable ? 1 : 0), at: 0x234)
        put(minimumAlignment, at: 0x235)
        put(extendedLoadFlags, at: 0x236)
        put(commandLineSize, at: 0x238)
        put(preferredAddress, at: 0x258)
        put(initialSize, at: 0x260)
        // What stands behind the header is code, and must not be taken for fields.
        // mov cr0, eax
        var setup: [UInt8] = setupSwitchesMode ? [0x0f, 0x22, 0xc0] : []
        if !release.isEmpty {
            put(UInt16(truncatingIfNeeded: headerEnd + setup.count - 0x200), at: 0x20e)
            setup += Array(release.utf8) + [0]
        }
        let rest = [UInt8](repeating: 0xcc, count: setupSize - headerEnd - setup.count)
        var kernel = [UInt8](repeating: 0x90, count: codeSize)
        if !code.isEmpty { kernel.replaceSubrange(0x200..<0x200 + code.count, with: code) }
        return Array(header[..<headerEnd]) + setup + rest + kernel
    }

    /// Where a field stands in the file, for tests that write something else there.
    public enum Offset {
        public static let setupSectors = 0x1f1
        public static let systemSize = 0x1f4
        public static let bootFlag = 0x1fe
        public static let jump = 0x200
        public static let version = 0x206
        public static let alignment = 0x230
    }
}
