import Bytes
import Glibc
public import LinuxSystem

/// The parts of a bzImage that matter here: its Linux release, and the place of the compressed ELF kernel.
///
/// Source: the kernel's Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
public struct BzImage: Sendable {
    /// The compression of the ELF kernel.
    public enum Compression: Equatable, Sendable {
        case xz, zstd, gzip, bzip2

        /// The program that unpacks it from standard input to standard output, and its Debian package.
        public var program: (name: String, arguments: [String], package: String) {
            switch self {
            case .xz: ("xz", ["-dc"], "xz-utils")
            case .zstd: ("zstd", ["-dc"], "zstd")
            case .gzip: ("gzip", ["-dc"], "gzip")
            case .bzip2: ("bzip2", ["-dc"], "bzip2")
            }
        }
    }

    /// The place of the compressed kernel in the file.
    public struct Payload: Equatable, Sendable {
        public let range: Range<Int>
        public let compression: Compression
        /// The size of the ELF kernel in bytes.
        public let size: Int
    }

    /// The release, such as `6.1.0-56-amd64`.
    public let version: String?
    public let payload: Payload?

    /// Reads the header of an open file; nil if it is no bzImage.
    public init?(_ file: borrowing Descriptor, size: Int) throws(SystemCallError) {
        guard size >= 0x1000 else { return nil }
        let header = try HostFile.bytes(of: file, at: 0, count: 0x1000)
        guard header[0x202..<0x206].elementsEqual("HdrS".utf8) else { return nil }

        let text = Int(header.littleEndian(at: 0x20e, count: 2)) + 0x200
        let place = text > 0x200 && text < size - 64 ? try HostFile.bytes(of: file, at: text, count: 64) : []
        let version = place.prefix { $0 > 0x20 && $0 < 0x7f }
        self.version = version.isEmpty ? nil : String(decoding: version, as: UTF8.self)

        // Protocol 2.08 introduced payload_offset and payload_length.
        let sectors = header[0x1f1] == 0 ? 4 : Int(header[0x1f1])
        let start = (sectors + 1) * 512 + Int(header.littleEndian(at: 0x248, count: 4))
        let length = Int(header.littleEndian(at: 0x24c, count: 4))
        guard header.littleEndian(at: 0x206, count: 2) >= 0x208, length > 16, start <= size, length <= size - start
        else {
            payload = nil
            return
        }
        // The last four bytes are the unpacked size: gzip's own last field, appended for all other formats.
        let unpacked = Int(try HostFile.bytes(of: file, at: start + length - 4, count: 4).littleEndian(at: 0, count: 4))
        guard let compression = Self.compression(try HostFile.bytes(of: file, at: start, count: 6)) else {
            payload = nil
            return
        }
        payload = Payload(
            range: start..<start + length - (compression == .gzip ? 0 : 4), compression: compression, size: unpacked)
    }

    /// Returns the compression whose magic number the bytes begin with.
    public static func compression(_ bytes: [UInt8]) -> Compression? {
        let magics: [([UInt8], Compression)] = [
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .xz), ([0x28, 0xb5, 0x2f, 0xfd], .zstd), ([0x1f, 0x8b], .gzip),
            ([0x42, 0x5a, 0x68], .bzip2),
        ]
        return magics.first { bytes.starts(with: $0.0) }?.1
    }
}
