import Boot
import Bytes

/// The firmware tables as a guest finds them: bytes at addresses, read by the specifications alone.
struct GuestTables {
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// A system description table: ACPI 6.5, section 5.2.6.
    struct Table {
        let address: UInt64
        let bytes: [UInt8]

        var signature: String { String(decoding: bytes[..<4], as: UTF8.self) }
        var revision: UInt8 { bytes[8] }
        func uint16(at offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
        func uint32(at offset: Int) -> UInt32 { bytes.uint32(at: offset) }
        func uint64(at offset: Int) -> UInt64 { bytes.uint64(at: offset) }

        /// The entries of a table whose entries begin with a type and their own length, from a place in the table on.
        func entries(from start: Int) throws -> [[UInt8]] {
            var entries: [[UInt8]] = []
            var position = start
            while position < bytes.count {
                guard position + 2 <= bytes.count, bytes[position + 1] >= 2,
                    position + Int(bytes[position + 1]) <= bytes.count
                else {
                    throw Malformed(description: "\(signature): an entry at \(position) that can't be")
                }
                entries.append(Array(bytes[position..<position + Int(bytes[position + 1])]))
                position += Int(bytes[position + 1])
            }
            return entries
        }
    }

    /// What lies from 0xe0000 to 0xfffff.
    let memory: [UInt8]

    static let start = 0xe0000

    init(_ tables: FirmwareTables) throws {
        var memory = [UInt8](repeating: 0, count: 0x20000)
        var end = Self.start
        for piece in tables.pieces {
            let address = Int(piece.guestAddress)
            guard address >= end, address + piece.bytes.count <= 0x100000 else {
                throw Malformed(
                    description: "\(piece.name) at \(address) overlaps what lies before it, or the end of the BIOS area"
                )
            }
            memory.replaceSubrange(address - Self.start..<address - Self.start + piece.bytes.count, with: piece.bytes)
            end = address + piece.bytes.count
        }
        self.memory = memory
    }

    func bytes(at address: UInt64, count: Int) throws -> [UInt8] {
        guard let start = Int(exactly: address).map({ $0 - Self.start }), start >= 0, count <= memory.count - start
        else {
            throw Malformed(description: "\(count) bytes at \(address) lie outside the BIOS area")
        }
        return Array(memory[start..<start + count])
    }

    /// Where a signature stands on a 16-byte boundary, as kernels look for it.
    func scan(_ signature: String, from address: Int) throws -> UInt64 {
        let wanted = Array(signature.utf8)
        let found = stride(from: address - Self.start, to: memory.count, by: 16).first {
            memory[$0...].starts(with: wanted)
        }
        guard let found else { throw Malformed(description: "there is no \(signature)") }
        return UInt64(Self.start + found)
    }

    static func sum(_ bytes: [UInt8]) -> UInt8 { bytes.reduce(0, &+) }

    /// A system description table, its length and checksum right.
    func table(at address: UInt64) throws -> Table {
        let length = try bytes(at: address, count: 36).uint32(at: 4)
        guard length >= 36 else { throw Malformed(description: "a table of \(length) bytes at \(address)") }
        let bytes = try bytes(at: address, count: Int(length))
        guard Self.sum(bytes) == 0 else { throw Malformed(description: "the table at \(address) has a wrong checksum") }
        return Table(address: address, bytes: bytes)
    }

    /// The tables that the XSDT lists. The RSDT must list the same. ACPI 6.5, sections 5.2.5.3, 5.2.7 and 5.2.8.
    func tables() throws -> [Table] {
        let rsdp = try bytes(at: scan("RSD PTR ", from: 0xe0000), count: 36)
        guard Self.sum(Array(rsdp[..<20])) == 0, Self.sum(rsdp) == 0, rsdp[15] == 2, rsdp.uint32(at: 20) == 36 else {
            throw Malformed(description: "the RSDP \(rsdp)")
        }
        let (rsdt, xsdt) = (try table(at: UInt64(rsdp.uint32(at: 16))), try table(at: rsdp.uint64(at: 24)))
        let narrow = stride(from: 36, to: rsdt.bytes.count, by: 4).map { UInt64(rsdt.uint32(at: $0)) }
        let wide = stride(from: 36, to: xsdt.bytes.count, by: 8).map { xsdt.uint64(at: $0) }
        guard rsdt.signature == "RSDT", xsdt.signature == "XSDT", narrow == wide else {
            throw Malformed(description: "RSDT \(narrow), XSDT \(wide)")
        }
        return try wide.map { try table(at: $0) }
    }

    func table(_ signature: String) throws -> Table {
        guard let table = try tables().first(where: { $0.signature == signature }) else {
            throw Malformed(description: "there is no \(signature)")
        }
        return table
    }

    /// The MP configuration table's header and entries. Intel MultiProcessor Specification 1.4, chapter 4.
    func multiprocessor() throws -> (header: [UInt8], entries: [[UInt8]]) {
        let pointer = try bytes(at: scan("_MP_", from: 0xf0000), count: 16)
        guard Self.sum(pointer) == 0, pointer[8] == 1, pointer[9] == 4, pointer[11...].allSatisfy({ $0 == 0 }) else {
            throw Malformed(description: "the MP floating pointer \(pointer)")
        }
        let address = UInt64(pointer.uint32(at: 4))
        let header = try bytes(at: address, count: 44)
        let length = Int(header[4]) | Int(header[5]) << 8
        let bytes = try bytes(at: address, count: length)
        guard header.starts(with: Array("PCMP".utf8)), Self.sum(bytes) == 0 else {
            throw Malformed(description: "the MP table \(header)")
        }
        var entries: [[UInt8]] = []
        var position = 44
        while position < length {
            let size = bytes[position] == 0 ? 20 : 8
            guard bytes[position] <= 4, position + size <= length else {
                throw Malformed(description: "an MP entry at \(position)")
            }
            entries.append(Array(bytes[position..<position + size]))
            position += size
        }
        guard entries.count == Int(header[34]) | Int(header[35]) << 8 else {
            throw Malformed(description: "\(entries.count) MP entries")
        }
        return (header, entries)
    }
}

extension Board {
    /// A board like the machine's own.
    static func sample(processors: Int = 2) -> Board {
        let routes = (1...31).flatMap { slot in
            (1...4).map { InterruptRoute(slot: slot, pin: $0, gsi: UInt32(16 + (slot + $0 - 1) % 8)) }
        }
        var board = Board(
            apicIDs: Array(0..<UInt32(processors)), ecam: 0xe000_0000..<0xf000_0000,
            memoryWindows: [
                AddressRange(0xc000_0000..<0xe000_0000), AddressRange(0xf000_0000..<0xfec0_0000),
                AddressRange(0xc0_0000_0000..<0x100_0000_0000),
            ],
            interruptRoutes: routes, configurationPort: 0xcf8, serialPorts: [ISADevice(port: 0x3f8, irq: 4)],
            powerManagement: PowerManagement(
                eventPort: 0x600, controlPort: 0x604, timerPort: 0x608, sleepTypeS5: 0, interrupt: 9, resetPort: 0xcf9,
                resetValue: 6))
        board.panicPort = 0x505
        return board
    }

    /// All that a board may have, and the numbers unlike the usual ones.
    static var full: Board {
        var board = sample(processors: 300)
        board.serialPorts = [ISADevice(port: 0x3f8, irq: 4), ISADevice(port: 0x2f8, irq: 3)]
        board.clock = ISADevice(port: 0x70, irq: 8)
        board.hasKeyboardController = true
        board.ioapicID = 5
        board.powerManagement = PowerManagement(
            eventPort: 0xb000, controlPort: 0xb004, timerPort: 0xb008, sleepTypeS5: 5, interrupt: 10, resetPort: 0x64,
            resetValue: 0xfe)
        return board
    }
}
