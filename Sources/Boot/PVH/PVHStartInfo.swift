import Bytes

/// The structure at the address in EBX when a PVH kernel starts: `struct hvm_start_info` version 1 (Xen,
/// `public/arch-x86/hvm/start_info.h`).
struct PVHStartInfo: Equatable, Sendable {
    static let magic: UInt32 = 0x336e_c578
    static let version: UInt32 = 1

    /// Size of the structure in bytes.
    static let size: UInt64 = 56

    var moduleCount: UInt32 = 0
    var moduleListAddress: UInt64 = 0
    var commandLineAddress: UInt64 = 0
    /// 0 if the guest gets no ACPI tables.
    var rsdpAddress: UInt64 = 0
    var memoryMapAddress: UInt64 = 0
    var memoryMapEntries: UInt32 = 0

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.append(Self.version)
        writer.append(UInt32(0))
        writer.append(moduleCount)
        writer.append(moduleListAddress)
        writer.append(commandLineAddress)
        writer.append(rsdpAddress)
        writer.append(memoryMapAddress)
        writer.append(memoryMapEntries)
        writer.append(UInt32(0))
        return writer.bytes
    }

    /// One `struct hvm_modlist_entry`.
    struct ModuleEntry: Equatable, Sendable {
        static let size: UInt64 = 32

        let address: UInt64
        let size: UInt64
        let commandLineAddress: UInt64

        var bytes: [UInt8] {
            var writer = ByteWriter()
            writer.append(address)
            writer.append(size)
            writer.append(commandLineAddress)
            writer.append(UInt64(0))
            return writer.bytes
        }
    }
}
