import Bytes

/// The address of the enhanced configuration window. PCI Firmware Specification 3.3, section 4.1.2.
struct MCFG: Equatable, Sendable {
    let ecam: Range<UInt64>
    let lastBus: UInt8

    var table: ACPITable {
        var writer = ByteWriter()
        writer.append(zeros: 8)
        writer.append(ecam.lowerBound)
        // Segment 0, buses 0 to the last.
        writer.append(UInt16(0))
        writer.append(UInt8(0))
        writer.append(lastBus)
        writer.append(zeros: 4)
        return ACPITable(signature: "MCFG", revision: 1, body: writer.bytes)
    }
}
