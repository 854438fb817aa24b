import VMM

/// What a guest is told of the board, read from its memory by the specifications alone.
struct ToldBoard {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// A resource of a device: ACPI 6.5, section 6.4.
    enum Resource: Equatable {
        case ports(Range<UInt64>)
        /// An ISA interrupt.
        case irq(UInt32)
        case memory(Range<UInt64>)
        /// What a bridge hands on.
        case window(kind: UInt8)
    }

    /// System description tables by signature; the DSDT too.
    let tables: [String: [UInt8]]
    /// What each device of the DSDT has, by its name.
    let devices: [String: [Resource]]
    /// Entries of the MP table, each with its type first.
    let multiprocessor: [[UInt8]]
    let localAPICs: UInt32

    init(_ memory: GuestMemory) throws {
        func table(at address: UInt64) throws -> [UInt8] {
            try memory.read(at: address, count: Int(memory.read(at: address, count: 8).number(4, 4)))
        }
        let xsdt = try table(at: memory.read(at: 0xE0000, count: 36).number(24, 8))
        var tables: [String: [UInt8]] = [:]
        for place in stride(from: 36, to: xsdt.count, by: 8) {
            let table = try table(at: xsdt.number(place, 8))
            tables[String(decoding: table[..<4], as: UTF8.self)] = table
        }
        guard let fadt = tables["FACP"] else { throw Missing(description: "there is no FADT") }
        let dsdt = try table(at: fadt.number(40, 4))
        tables["DSDT"] = dsdt
        self.tables = tables
        devices = Self.devices(dsdt)

        let pointer = try memory.read(at: 0xF0000, count: 16)
        let table = try memory.read(
            at: pointer.number(4, 4), count: Int(memory.read(at: pointer.number(4, 4), count: 6).number(4, 2)))
        localAPICs = UInt32(table.number(36, 4))
        var entries: [[UInt8]] = []
        var position = 44
        while position < table.count {
            let size = table[position] == 0 ? 20 : 8
            entries.append(Array(table[position..<position + size]))
            position += size
        }
        multiprocessor = entries
    }

    /// A table's field; a table that is not there has zeros.
    func number(_ table: String, at offset: Int, count: Int) -> UInt64 { tables[table]?.number(offset, count) ?? 0 }

    func ports(of device: String) -> [Range<UInt64>] {
        (devices[device] ?? []).compactMap { if case .ports(let range) = $0 { range } else { nil } }
    }

    /// Device objects and their `_CRS`: ACPI 6.5, section 20.2.5.2.
    private static func devices(_ aml: [UInt8]) -> [String: [Resource]] {
        var devices: [String: [Resource]] = [:]
        for place in 36..<aml.count - 8 where aml[place] == 0x5B && aml[place + 1] == 0x82 {
            let (length, size) = packageLength(aml, place + 2)
            let name = String(decoding: aml[place + 2 + size..<place + 6 + size], as: UTF8.self)
            let body = Array(aml[place + 6 + size..<min(place + 2 + length, aml.count)])
            guard let resources = body.indices.first(where: { body[$0...].starts(with: Array("_CRS".utf8) + [0x11]) })
            else { continue }
            let (_, skipped) = packageLength(body, resources + 5)
            // The buffer's size: one byte, or two, behind a prefix.
            let start = resources + 5 + skipped
            devices[name] = self.resources(body, from: start + (body[start] == 0x0A ? 2 : 3))
        }
        return devices
    }

    /// Section 20.2.4.
    private static func packageLength(_ aml: [UInt8], _ place: Int) -> (length: Int, size: Int) {
        let more = Int(aml[place] >> 6)
        guard more > 0 else { return (Int(aml[place] & 0x3F), 1) }
        return (Int(aml[place] & 0x0F) | Int(aml.number(place + 1, more)) << 4, 1 + more)
    }

    private static func resources(_ body: [UInt8], from start: Int) -> [Resource] {
        var resources: [Resource] = []
        var place = start
        while body[place] != 0x79 {
            switch body[place] {
            case 0x47:
                let first = body.number(place + 2, 2)
                resources.append(.ports(first..<first + body.number(place + 7, 1)))
            case 0x22: resources.append(.irq(UInt32(body.number(place + 1, 2).trailingZeroBitCount)))
            case 0x86:
                let first = body.number(place + 4, 4)
                resources.append(.memory(first..<first + body.number(place + 8, 4)))
            default: resources.append(.window(kind: body[place + 3]))
            }
            place += body[place] & 0x80 == 0 ? 1 + Int(body[place] & 7) : 3 + Int(body.number(place + 1, 2))
        }
        return resources
    }
}

extension Array where Element == UInt8 {
    /// Bytes from a place on, least significant first.
    func number(_ place: Int, _ count: Int) -> UInt64 {
        self[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
