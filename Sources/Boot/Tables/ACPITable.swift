import Bytes

/// A system description table: the common header and its contents. ACPI 6.5, section 5.2.6.
struct ACPITable: Equatable, Sendable {
    /// Size of the header in bytes.
    static let headerSize = 36

    /// The OEM id in six bytes: kernels show it beside each table.
    static let oem = "SWFTLT"
    /// The OEM table id in eight bytes.
    static let oemTable = "SWIFTLET"
    /// The creator id in four bytes.
    static let creator = "SWFT"

    /// Four letters: the type of the table.
    let signature: String
    let revision: UInt8
    /// The contents after the header.
    let body: [UInt8]

    /// Header and body, with a valid checksum.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: Array(signature.utf8))
        writer.append(UInt32(truncatingIfNeeded: Self.headerSize + body.count))
        writer.append(revision)
        writer.append(UInt8(0))
        writer.append(contentsOf: Array(Self.oem.utf8))
        writer.append(contentsOf: Array(Self.oemTable.utf8))
        writer.append(UInt32(1))
        writer.append(contentsOf: Array(Self.creator.utf8))
        writer.append(UInt32(1))
        writer.append(contentsOf: body)
        return writer.bytes.withChecksum(at: 9)
    }
}

/// The address of a register. ACPI 6.5, section 5.2.3.2, "Generic Address Structure".
struct GenericAddress: Equatable, Sendable {
    let space: UInt8
    let bitWidth: UInt8
    /// 1, 2, 3 for bytes, words, double words.
    let accessSize: UInt8
    let address: UInt64

    /// No register.
    static let none = GenericAddress(space: 0, bitWidth: 0, accessSize: 0, address: 0)

    /// A register of 1, 2 or 4 bytes at an I/O port.
    static func port(_ port: UInt16, bytes: UInt8, access: UInt8) -> GenericAddress {
        GenericAddress(space: 1, bitWidth: bytes * 8, accessSize: access, address: UInt64(port))
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(space)
        writer.append(bitWidth)
        writer.append(UInt8(0))
        writer.append(accessSize)
        writer.append(address)
        return writer.bytes
    }
}

extension [UInt8] {
    /// The byte that makes the sum of all bytes, itself included, a multiple of 256.
    var checksum: UInt8 { 0 &- reduce(0, &+) }

    /// Returns the bytes with the checksum of the first `count` (nil: of all) stored at `offset`, which must hold 0.
    func withChecksum(at offset: Int, count: Int? = nil) -> [UInt8] {
        var copy = self
        copy[offset] = Array(prefix(count ?? self.count)).checksum
        return copy
    }
}
