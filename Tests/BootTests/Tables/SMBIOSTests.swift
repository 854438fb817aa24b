import Boot
import Testing

/// SMBIOS as a guest finds it, read by DSP0134 alone.
@Suite("SMBIOS")
struct SMBIOSTests {
    private struct Structure {
        let type: UInt8
        let handle: UInt16
        let bytes: [UInt8]
        let strings: [String]

        func uint16(at offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
    }

    private func structures(_ board: Board) throws -> [Structure] {
        let memory = try GuestTables(FirmwareTables(describing: board)).memory
        let entry = try #require(
            stride(from: 0x10000, to: 0x20000, by: 16).first { Array(memory[$0..<$0 + 4]) == Array("_SM_".utf8) })
        let point = Array(memory[entry..<entry + 31])
        #expect(point[5] == 31)
        #expect(Array(point[16..<21]) == Array("_DMI_".utf8))
        #expect(point[6...7] == [2, 8])
        #expect(point[30] == 0x28)
        #expect(point.reduce(0, &+) == 0)
        #expect(point[16...].reduce(0, &+) == 0)
        let length = Int(point[22]) | Int(point[23]) << 8
        var position = Int(point.uint32(at: 24)) - GuestTables.start
        let end = position + length
        var found: [Structure] = []
        var largest = 0
        while position < end {
            let start = position
            let fields = Array(memory[position..<position + Int(memory[position + 1])])
            position += fields.count
            var strings: [String] = []
            while memory[position] != 0 {
                let text = memory[position...].prefix { $0 != 0 }
                strings.append(String(decoding: text, as: UTF8.self))
                position += text.count + 1
            }
            position += strings.isEmpty ? 2 : 1
            largest = max(largest, position - start)
            found.append(
                .init(
                    type: fields[0], handle: UInt16(fields[2]) | UInt16(fields[3]) << 8, bytes: fields, strings: strings
                ))
        }
        #expect(position == end)
        #expect(found.count == Int(point[28]))
        #expect(largest == Int(point[8]) | Int(point[9]) << 8)
        #expect(found.map(\.handle) == Array(0..<UInt16(found.count)))
        #expect(found.last?.type == 127)
        return found
    }

    @Test(
        """
        it is found by scanning, and says what the machine is: a virtual one, with so many processors and so much \
        memory
        """
    )
    func contents() throws {
        var board = Board.sample(processors: 3)
        board.memorySize = 256 << 20
        let structures = try structures(board)
        #expect(structures.map(\.type) == [0, 1, 3, 4, 16, 17, 19, 32, 127])
        #expect(structures.map(\.bytes.count) == [0x18, 0x1b, 0x16, 0x2a, 0x17, 0x28, 0x1f, 0x0b, 4])
        #expect(structures[0].strings == ["swiftlet", "1", "11/26/2026"])
        #expect(structures[0].bytes[0x13] & 0x10 != 0)
        #expect(structures[1].strings == ["swiftlet", "virtual PC"])
        #expect(structures[3].bytes[0x23...0x25] == [3, 3, 3])
        #expect(structures[3].bytes.uint32(at: 8) == board.processorSignature)
        #expect(structures[4].bytes.uint64(at: 0x0f) == 256 << 20)
        #expect(structures[5].uint16(at: 0x0c) == 256)
        #expect(structures[5].uint16(at: 4) == structures[4].handle)
        #expect(structures[6].bytes.uint64(at: 0x17) == 256 << 20 - 1)
    }

    @Test(
        "a large memory size uses the extended field; an unknown size adds no memory structures", arguments: [1024, 1])
    func extremes(processors: Int) throws {
        var board = Board.sample(processors: processors)
        #expect(try structures(board).map(\.type) == [0, 1, 3, 4, 32, 127])
        board.memorySize = 64 << 30
        let device = try #require(try structures(board).first { $0.type == 17 })
        #expect(device.uint16(at: 0x0c) == 0x7fff)
        #expect(device.bytes.uint32(at: 0x1c) == 64 << 10)
    }
}
