import Bytes

/// The multiple APIC description table: processors and interrupt controllers. ACPI 6.5, section 5.2.12.
struct MADT: Equatable, Sendable {
    let board: Board

    /// The first APIC id that entries of xAPIC processors can't hold: 255 is the broadcast id.
    static let firstX2APICID: UInt32 = 255

    /// Polarity and trigger mode of an interrupt, table 5.26.
    enum Signal {
        /// As the bus defines it: edge-triggered, active high on ISA.
        static let conforming: UInt16 = 0
        static let levelActiveHigh: UInt16 = 0b1101
    }

    var table: ACPITable {
        var writer = ByteWriter()
        writer.append(board.localAPICAddress)
        // PCAT_COMPAT: there are two 8259s as well.
        writer.append(UInt32(1))
        for (uid, id) in board.apicIDs.enumerated() {
            writer.append(contentsOf: processor(uid: UInt32(truncatingIfNeeded: uid), id: id))
        }
        writer.append(contentsOf: ioapic)
        // The PIT's interrupt is at pin 2, as on every PC: pin 0 is for the PICs.
        writer.append(contentsOf: override(irq: 0, gsi: 2, signal: Signal.conforming))
        let sci = board.powerManagement.interrupt
        writer.append(contentsOf: override(irq: sci, gsi: UInt32(sci), signal: Signal.levelActiveHigh))
        writer.append(contentsOf: localNMI)
        return ACPITable(signature: "APIC", revision: 5, body: writer.bytes)
    }

    private func processor(uid: UInt32, id: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        if id < Self.firstX2APICID {
            writer.append(contentsOf: [0, 8, UInt8(truncatingIfNeeded: uid), UInt8(truncatingIfNeeded: id)])
            writer.append(UInt32(1))
        } else {
            writer.append(contentsOf: [9, 16, 0, 0])
            writer.append(id)
            writer.append(UInt32(1))
            writer.append(uid)
        }
        return writer.bytes
    }

    private var ioapic: [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: [1, 12, board.ioapicID, 0])
        writer.append(board.ioapicAddress)
        writer.append(UInt32(0))
        return writer.bytes
    }

    private func override(irq: UInt8, gsi: UInt32, signal: UInt16) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: [2, 10, 0, irq])
        writer.append(gsi)
        writer.append(signal)
        return writer.bytes
    }

    /// LINT1 of every processor is the NMI.
    private var localNMI: [UInt8] {
        var bytes: [UInt8] = [4, 6, 0xff, 0, 0, 1]
        if board.apicIDs.contains(where: { $0 >= Self.firstX2APICID }) {
            bytes += [10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]
        }
        return bytes
    }
}
