import Bytes

/// A device's expansion ROM: PCI Local Bus 3.0, section 6.3; PCI Firmware Specification 3.0, section 5.1.
///
/// Its contents are not trusted: a guest may read the bytes, and the decoded fields are only shown to people.
public struct OptionROM: Equatable, Sendable {
    /// The largest size that the register can describe, 16 MiB: its address has bits 11 to 31. Real ROMs are far
    /// smaller.
    public static let maximumSize: UInt64 = 16 << 20

    /// The contents: `size` bytes, padded with ones as an erased ROM is.
    public let bytes: [UInt8]

    /// The reason why a device's bytes are no expansion ROM.
    public enum Fault: Error, Equatable, CustomStringConvertible {
        case empty
        case tooLarge(bytes: UInt64)
        case noSignature(UInt16)

        public var description: String {
            switch self {
            case .empty: "its expansion ROM is empty"
            case .tooLarge(let bytes):
                "its expansion ROM has \(bytes) bytes, more than the \(OptionROM.maximumSize) that are read"
            case .noSignature(let found):
                """
                its expansion ROM begins with \(found.hexadecimal) where 0xaa55 is expected: the ROM is empty, or \
                the device doesn't show it
                """
            }
        }
    }

    /// Checks the signature, and pads the bytes to a size that a register can have: a power of two, at least 2 KiB.
    public init(_ bytes: [UInt8]) throws(Fault) {
        guard bytes.count >= 2 else { throw .empty }
        guard UInt64(bytes.count) <= Self.maximumSize else { throw .tooLarge(bytes: UInt64(bytes.count)) }
        let signature = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
        guard signature == 0xAA55 else { throw .noSignature(signature) }
        var size = 2048
        while size < bytes.count { size *= 2 }
        self.bytes = bytes + [UInt8](repeating: 0xFF, count: size - bytes.count)
    }

    /// The base address register of this ROM.
    public var bar: BAR { BAR(romSize: UInt64(bytes.count)) }
}
