import Bytes

/// Simple questions about an ELF file. Bytes are compared in place; nothing is trusted.
public enum ELFProbe {
    public static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]

    /// Returns true if a 64-bit program names a dynamic linker.
    public static func needsInterpreter(_ file: [UInt8]) -> Bool { interpreter(file) != nil }

    /// Returns the dynamic linker that a 64-bit program names (`PT_INTERP`; see elf(5)). The start of the file is
    /// enough if it contains the name.
    public static func interpreter(_ file: [UInt8]) -> String? {
        guard file.starts(with: magic), file.count >= 64 else { return nil }
        let table = Int(truncatingIfNeeded: file.littleEndian(at: 32, count: 8))
        let size = Int(file.littleEndian(at: 54, count: 2))
        let count = Int(file.littleEndian(at: 56, count: 2))
        guard table > 0, size >= 56, table <= file.count, count * size <= file.count - table else { return nil }
        let headers = (0..<count).map { table + $0 * size }
        guard let header = headers.first(where: { file.littleEndian(at: $0, count: 4) == 3 }) else { return nil }
        let start = Int(truncatingIfNeeded: file.littleEndian(at: header + 8, count: 8))
        let length = Int(truncatingIfNeeded: file.littleEndian(at: header + 32, count: 8))
        guard start >= 0, length >= 0, start <= file.count, length <= file.count - start else { return "" }
        return String(decoding: file[start..<start + length].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Returns true if a kernel has the note with its PVH entry (owner `Xen`, type `XEN_ELFNOTE_PHYS32_ENTRY`, 18), by
    /// which QEMU boots an ELF kernel. The search is for its bytes anywhere in the file.
    public static func hasPVHEntry(_ kernel: [UInt8]) -> Bool {
        let header: [UInt8] = [18, 0, 0, 0, 0x58, 0x65, 0x6e, 0]
        return kernel.firstRange(ofBytes: [4, 0, 0, 0, 4, 0, 0, 0] + header) != nil
            || kernel.firstRange(ofBytes: [4, 0, 0, 0, 8, 0, 0, 0] + header) != nil
    }

    /// Returns the release of a Linux kernel from its banner.
    public static func linuxVersion(_ kernel: [UInt8]) -> String? {
        let banner = Array("Linux version ".utf8)
        guard let found = kernel.firstRange(ofBytes: banner) else { return nil }
        let version = kernel[found.upperBound...].prefix(64).prefix { $0 > 0x20 && $0 < 0x7f }
        return version.isEmpty ? nil : String(decoding: version, as: UTF8.self)
    }
}
