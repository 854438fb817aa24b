import Boot
import Testing

@Suite("MP table")
struct MPTableTests {
    private func table(_ board: Board) throws -> (header: [UInt8], entries: [[UInt8]]) {
        try GuestTables(FirmwareTables(describing: board)).multiprocessor()
    }

    @Test("has the OEM id and the address of the local APICs")
    func header() throws {
        let header = try table(.sample()).header
        #expect(header[6] == 4)
        #expect(String(decoding: header[8..<28], as: UTF8.self) == "SWIFTLETVIRTUAL PC  ")
        #expect(header.uint32(at: 36) == 0xfee0_0000)
        for absent in [28..<34, 40..<44] { #expect(header[absent].allSatisfy { $0 == 0 }) }
    }

    @Test("lists the processors with an 8-bit APIC id, the bootstrap processor first", arguments: [1, 2, 255, 1024])
    func processors(count: Int) throws {
        var board = Board.sample(processors: count)
        board.processorSignature = 0x0080_0f12
        board.processorFeatures = 0x1783_fbff
        let processors = try table(board).entries.filter { $0[0] == 0 }
        #expect(processors.map { Int($0[1]) } == Array(0..<min(count, 255)))
        #expect(processors.map { $0[3] } == [3] + [UInt8](repeating: 1, count: min(count, 255) - 1))
        #expect(
            processors.allSatisfy {
                $0[2] == 0x14 && $0.uint32(at: 4) == 0x0080_0f12 && $0.uint32(at: 8) == 0x1783_fbff
            })
    }

    @Test("lists both buses and the IOAPIC")
    func buses() throws {
        let entries = try table(.full).entries
        #expect(entries.filter { $0[0] == 1 } == [[1, 0] + Array("PCI   ".utf8), [1, 1] + Array("ISA   ".utf8)])
        #expect(entries.filter { $0[0] == 2 } == [[2, 5, 0x11, 1, 0, 0, 0xc0, 0xfe]])
    }

    @Test("wires ISA interrupts to their pins, the PIT's to pin 2, and no IRQ 2")
    func isaInterrupts() throws {
        let entries = try table(.sample()).entries.filter { $0[0] == 3 && $0[4] == 1 }
        #expect(entries.map { $0[5] } == [0, 1] + Array(3...15))
        #expect(entries.map { $0[7] } == [2, 1] + Array(3...15))
        #expect(entries.allSatisfy { Array($0[1..<4]) == [0, 0, 0] && $0[6] == 0 })
    }

    @Test("wires PCI pins like the board, level-triggered and active high")
    func pciInterrupts() throws {
        let board = Board.full
        let entries = try table(board).entries.filter { $0[0] == 3 && $0[4] == 0 }
        #expect(entries.count == 124)
        for (entry, route) in zip(entries, board.interruptRoutes) {
            #expect(entry == [3, 0, 0x0d, 0, 0, UInt8(route.slot << 2 | (route.pin - 1)), 5, UInt8(route.gsi)])
        }
    }

    @Test("has the PICs at the bootstrap processor's LINT0 and the NMI at every LINT1")
    func localInterrupts() throws {
        var board = Board.sample()
        board.apicIDs = [4, 6]
        #expect(
            try table(board).entries.filter { $0[0] == 4 } == [[4, 3, 0, 0, 1, 0, 4, 0], [4, 1, 0, 0, 1, 0, 0xff, 1]])
    }
}
