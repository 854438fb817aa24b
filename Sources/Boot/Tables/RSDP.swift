import Bytes

/// The root system description pointer, by which an operating system finds all other tables. ACPI 6.5, section 5.2.5.3.
struct RSDP: Equatable, Sendable {
    static let size = 36

    let rsdtAddress: UInt32
    let xsdtAddress: UInt64

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: Array("RSD PTR ".utf8))
        writer.append(UInt8(0))
        writer.append(contentsOf: Array(ACPITable.oem.utf8))
        writer.append(UInt8(2))
        writer.append(rsdtAddress)
        writer.append(UInt32(Self.size))
        writer.append(xsdtAddress)
        writer.append(zeros: 4)
        // The first one covers the fields of ACPI 1.0, the second all.
        return writer.bytes.withChecksum(at: 8, count: 20).withChecksum(at: 32)
    }
}

/// The table of tables: with 64-bit addresses (XSDT) and, for readers of ACPI 1.0, with 32-bit ones (RSDT). ACPI 6.5,
/// sections 5.2.7 and 5.2.8.
enum RootTable {
    static func xsdt(_ addresses: [UInt32]) -> ACPITable {
        var writer = ByteWriter()
        for address in addresses { writer.append(UInt64(address)) }
        return ACPITable(signature: "XSDT", revision: 1, body: writer.bytes)
    }

    static func rsdt(_ addresses: [UInt32]) -> ACPITable {
        var writer = ByteWriter()
        for address in addresses { writer.append(address) }
        return ACPITable(signature: "RSDT", revision: 1, body: writer.bytes)
    }
}
