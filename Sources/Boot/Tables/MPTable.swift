import Bytes

/// Processors, buses and interrupts for systems without ACPI. Intel MultiProcessor Specification 1.4, chapter 4.
struct MPTable: Equatable, Sendable {
    let board: Board

    /// Size of the floating pointer in bytes.
    static let pointerSize = 16

    private static let specification: UInt8 = 4
    private static let pciBus: UInt8 = 0
    private static let isaBus: UInt8 = 1

    /// Returns the structure that a system scans memory for: it points to the table. Section 4.1.
    static func pointer(to address: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: Array("_MP_".utf8))
        writer.append(address)
        // One paragraph long; no default configuration, no IMCR: the PICs reach the processor through LINT0 ("virtual
        // wire").
        writer.append(contentsOf: [1, specification, 0, 0, 0, 0, 0, 0])
        return writer.bytes.withChecksum(at: 10)
    }

    /// The configuration table. Section 4.2.
    var bytes: [UInt8] {
        let entries = processors + buses + [ioapic] + isaInterrupts + pciInterrupts + localInterrupts
        let length = 44 + entries.reduce(0) { $0 + $1.count }
        var writer = ByteWriter()
        writer.append(contentsOf: Array("PCMP".utf8))
        writer.append(UInt16(truncatingIfNeeded: length))
        writer.append(contentsOf: [Self.specification, 0])
        writer.append(contentsOf: Array("SWIFTLETVIRTUAL PC  ".utf8))
        // No OEM table.
        writer.append(zeros: 4 + 2)
        writer.append(UInt16(truncatingIfNeeded: entries.count))
        writer.append(board.localAPICAddress)
        // No extended entries.
        writer.append(zeros: 2 + 1 + 1)
        for entry in entries { writer.append(contentsOf: entry) }
        return writer.bytes.withChecksum(at: 7)
    }

    /// The processors with an 8-bit APIC id; a system that reads this table knows no others. Section 4.3.1.
    private var processors: [[UInt8]] {
        board.apicIDs.filter { $0 < MADT.firstX2APICID }.enumerated().map { number, id in
            var writer = ByteWriter()
            // A local APIC of version 0x14, usable; the first is the bootstrap processor.
            writer.append(contentsOf: [0, UInt8(truncatingIfNeeded: id), 0x14, number == 0 ? 3 : 1])
            writer.append(board.processorSignature)
            writer.append(board.processorFeatures)
            writer.append(zeros: 8)
            return writer.bytes
        }
    }

    /// The bus entries. Section 4.3.2.
    private var buses: [[UInt8]] {
        [[1, Self.pciBus] + Array("PCI   ".utf8), [1, Self.isaBus] + Array("ISA   ".utf8)]
    }

    /// The IOAPIC's entry. Section 4.3.3.
    private var ioapic: [UInt8] {
        var writer = ByteWriter()
        // Version 0x11 with 24 pins; usable.
        writer.append(contentsOf: [2, board.ioapicID, 0x11, 1])
        writer.append(board.ioapicAddress)
        return writer.bytes
    }

    /// The kind of an interrupt, table 4-11.
    private enum Kind: UInt8 {
        case vectored = 0
        case nmi = 1
        case external = 3
    }

    /// The PIT's interrupt is at pin 2, all others at the pin of their number; IRQ 2 is the second PIC. Section 4.3.4.
    private var isaInterrupts: [[UInt8]] {
        (UInt8(0)..<16).filter { $0 != 2 }.map { irq in
            [3, Kind.vectored.rawValue, 0, 0, Self.isaBus, irq, board.ioapicID, irq == 0 ? 2 : irq]
        }
    }

    /// Level-triggered and active high: KVM's IOAPIC treats a raised line so, and kernels before 3.15 evaluate the
    /// polarity.
    private var pciInterrupts: [[UInt8]] {
        let signal = UInt8(truncatingIfNeeded: MADT.Signal.levelActiveHigh)
        return board.interruptRoutes.map { route in
            let source = UInt8(truncatingIfNeeded: route.slot << 2 | (route.pin - 1))
            return [
                3, Kind.vectored.rawValue, signal, 0, Self.pciBus, source, board.ioapicID,
                UInt8(truncatingIfNeeded: route.gsi),
            ]
        }
    }

    /// The PICs at the bootstrap processor's LINT0, NMI at every LINT1. Section 4.3.5.
    private var localInterrupts: [[UInt8]] {
        let bootstrap = UInt8(truncatingIfNeeded: board.apicIDs.first ?? 0)
        return [
            [4, Kind.external.rawValue, 0, 0, Self.isaBus, 0, bootstrap, 0],
            [4, Kind.nmi.rawValue, 0, 0, Self.isaBus, 0, 0xff, 1],
        ]
    }
}
