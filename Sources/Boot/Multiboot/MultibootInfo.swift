import Bytes

/// The structure at the address in EBX when a multiboot kernel starts: Multiboot Specification 0.6.96, section 3.3.
struct MultibootInfo: Equatable, Sendable {
    /// The value of EAX at entry.
    static let bootMagic: UInt32 = 0x2bad_b002

    /// Size of the structure in bytes, the framebuffer fields included.
    static let size: UInt64 = 116

    private static let memoryFlag: UInt32 = 1 << 0
    private static let commandLineFlag: UInt32 = 1 << 2
    private static let modulesFlag: UInt32 = 1 << 3
    private static let memoryMapFlag: UInt32 = 1 << 6
    private static let loaderNameFlag: UInt32 = 1 << 9

    var lowerKiB: UInt32 = 0
    var upperKiB: UInt32 = 0
    var commandLineAddress: UInt32 = 0
    var moduleCount: UInt32 = 0
    var moduleListAddress: UInt32 = 0
    var memoryMapSize: UInt32 = 0
    var memoryMapAddress: UInt32 = 0
    var loaderNameAddress: UInt32 = 0

    var flags: UInt32 {
        let modules = moduleCount > 0 ? Self.modulesFlag : 0
        return Self.memoryFlag | Self.commandLineFlag | modules | Self.memoryMapFlag | Self.loaderNameFlag
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(flags)
        writer.append(lowerKiB)
        writer.append(upperKiB)
        writer.append(zeros: 4)
        writer.append(commandLineAddress)
        writer.append(moduleCount)
        writer.append(moduleListAddress)
        writer.append(zeros: 16)
        writer.append(memoryMapSize)
        writer.append(memoryMapAddress)
        writer.append(zeros: 12)
        writer.append(loaderNameAddress)
        writer.append(zeros: Int(Self.size) - writer.bytes.count)
        return writer.bytes
    }

    /// One entry of the module list.
    struct ModuleEntry: Equatable, Sendable {
        static let size: UInt64 = 16

        let start: UInt32
        /// The address after the module's last byte.
        let end: UInt32
        let stringAddress: UInt32

        var bytes: [UInt8] {
            var writer = ByteWriter()
            writer.append(start)
            writer.append(end)
            writer.append(stringAddress)
            writer.append(UInt32(0))
            return writer.bytes
        }
    }
}
