import Boot

/// A made-up Linux image: boot sector and setup code, then protected-mode code. Fields are as Debian's kernels have them, but for the sizes.
/// Linux, Documentation/arch/x86/boot.rst.
struct LinuxBuilder {
    var version: UInt16 = 0x020f
    /// Sectors of 512 bytes behind the boot sector.
    var setupSectors: UInt8 = 1
    /// Where the header ends in the file, 0x281 at the most.
    var headerEnd = 0x26c
    /// LOADED_HIGH.
    var loadFlags: UInt8 = 1
    var code32Start: UInt32 = 0x100000
    var initrdLimit: UInt32 = 0x7fff_ffff
    var alignment: UInt32 = 0x20_0000
    var isRelocatable = true
    /// A power of two's exponent.
    var minimumAlignment: UInt8 = 21
    /// XLF_KERNEL_64 and XLF_CAN_BE_LOADED_ABOVE_4G.
    var extendedLoadFlags: UInt16 = 3
    var commandLineSize: UInt32 = 2047
    var preferredAddress: UInt64 = 0x100_0000
    var initialSize: UInt32 = 0x40_0000
    /// One byte more than a multiple of 16, so that `syssize` tells the file's size to the byte.
    var codeSize = 1025
    /// Whether the setup code has an instruction that switches to protected mode.
    var setupSwitchesMode = true

    /// A kernel of the time before 64 bits, with all of protocol 2.05 and nothing later.
    static let protocol205 = LinuxBuilder(version: 0x0205, headerEnd: 0x238, initrdLimit: 0x37ff_ffff, isRelocatable: false)

    /// A kernel that can only be loaded low, at 0x10000.
    static let zImage = LinuxBuilder(
        version: 0x0201, setupSectors: 4, headerEnd: 0x228, loadFlags: 0, code32Start: 0x1000, isRelocatable: false)

    /// An image without a 32-bit entry, as network boot loaders are.
    static let bootLoader = LinuxBuilder(
        version: 0x0207, headerEnd: 0x250, code32Start: 0, initrdLimit: .max, alignment: 0, isRelocatable: false, extendedLoadFlags: 0)

    var setupSize: Int { (Int(setupSectors == 0 ? 4 : setupSectors) + 1) * 512 }

    var bytes: [UInt8] {
        var header = [UInt8](repeating: 0, count: 0x281)
        header[0x1f1] = setupSectors
        header.store(UInt32(truncatingIfNeeded: (codeSize + 15) / 16), at: 0x1f4)
        header.store(UInt16(0xaa55), at: 0x1fe)
        header[0x200] = 0xeb
        header[0x201] = UInt8(truncatingIfNeeded: headerEnd - 0x202)
        header.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        header.store(version, at: 0x206)
        header[0x211] = loadFlags
        header.store(code32Start, at: 0x214)
        header.store(initrdLimit, at: 0x22c)
        header.store(alignment, at: 0x230)
        header[0x234] = isRelocatable ? 1 : 0
        header[0x235] = minimumAlignment
        header.store(extendedLoadFlags, at: 0x236)
        header.store(commandLineSize, at: 0x238)
        header.store(preferredAddress, at: 0x258)
        header.store(initialSize, at: 0x260)
        // What stands behind the header is code, and must not be taken for fields.
        // mov cr0, eax
        let code: [UInt8] = setupSwitchesMode ? [0x0f, 0x22, 0xc0] : []
        var image = Array(header[..<headerEnd]) + code + [UInt8](repeating: 0xcc, count: setupSize - headerEnd - code.count)
        image += [UInt8](repeating: 0x90, count: codeSize)
        return image
    }

    /// Where a field stands in the file, for tests that write something else there.
    enum Offset {
        static let setupSectors = 0x1f1
        static let systemSize = 0x1f4
        static let bootFlag = 0x1fe
        static let jump = 0x200
        static let version = 0x206
        static let alignment = 0x230
    }
}

extension LoadPlan {
    /// The page that a Linux plan's RSI or ESI points to.
    var bootParameters: [UInt8]? { blob(at: UInt64(entry.esi)) }

    /// Where the kernel file's part that isn't setup code lies, and what it keeps for itself.
    var kernel: Segment? { segments.first { $0.source == .kernel && $0.fileSize > 0 } }

    var initrd: Segment? { segments.first { $0.source == .module(0) } }
}
