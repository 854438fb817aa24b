import Bytes

/// A resource descriptor of a `_CRS` template. ACPI 6.5, section 6.4.
struct AMLResource: Equatable, Sendable {
    let bytes: [UInt8]

    /// A device's I/O ports, all 16 address bits decoded. Section 6.4.2.5.
    static func ports(_ first: UInt16, count: UInt8) -> AMLResource {
        var writer = ByteWriter()
        writer.append(UInt8(0x47))
        writer.append(UInt8(1))
        writer.append(first)
        writer.append(first)
        writer.append(UInt8(1))
        writer.append(count)
        return AMLResource(bytes: writer.bytes)
    }

    /// An ISA interrupt: edges, active high, not shared. Section 6.4.2.1.
    static func irq(_ number: UInt8) -> AMLResource {
        var writer = ByteWriter()
        writer.append(UInt8(0x22))
        writer.append(UInt16(1) << UInt16(number & 15))
        return AMLResource(bytes: writer.bytes)
    }

    /// Memory that a device uses itself. Sections 6.4.3.4 and 6.4.3.5.1.
    static func memory(_ range: Range<UInt64>) -> AMLResource {
        guard range.upperBound <= MemoryMap.fourGiB, let size = UInt32(exactly: range.upperBound - range.lowerBound)
        else {
            return addressSpace(.memory, range, flags: Flag.fixed | Flag.consumer)
        }
        var writer = ByteWriter()
        writer.append(contentsOf: [0x86, 9, 0, 1])
        writer.append(UInt32(truncatingIfNeeded: range.lowerBound))
        writer.append(size)
        return AMLResource(bytes: writer.bytes)
    }

    /// Returns the buses that a bridge forwards to.
    static func busWindow(_ buses: ClosedRange<UInt8>) -> AMLResource {
        addressSpace(.bus, UInt64(buses.lowerBound)..<UInt64(buses.upperBound) + 1, flags: Flag.fixed)
    }

    /// Returns the ports that a bridge forwards.
    static func portWindow(_ ports: ClosedRange<UInt16>) -> AMLResource {
        addressSpace(.io, UInt64(ports.lowerBound)..<UInt64(ports.upperBound) + 1, flags: Flag.fixed)
    }

    /// Returns the memory that a bridge forwards: readable, writable, not cached.
    static func memoryWindow(_ range: Range<UInt64>) -> AMLResource {
        addressSpace(.memory, range, flags: Flag.fixed)
    }

    /// Returns a `_CRS`: the descriptors and an end tag whose checksum of 0 marks it as unused.
    static func template(_ resources: [AMLResource]) -> AML {
        .buffer(resources.flatMap(\.bytes) + [0x79, 0])
    }

    /// Section 6.4.3.5, the resource types of address space descriptors.
    private enum Kind: UInt8 {
        case memory = 0
        case io = 1
        case bus = 2

        /// Memory: read and write, not cacheable. I/O: the ISA ports and all others.
        var flags: UInt8 {
            switch self {
            case .memory: 1
            case .io: 3
            case .bus: 0
            }
        }
    }

    private enum Flag {
        static let consumer: UInt8 = 1 << 0
        /// Neither end can be moved.
        static let fixed: UInt8 = 1 << 2 | 1 << 3
    }

    /// Returns the shortest of the word, double word or quad word forms that holds the range; memory has no word form.
    private static func addressSpace(_ kind: Kind, _ range: Range<UInt64>, flags: UInt8) -> AMLResource {
        let fields = [0, range.lowerBound, range.upperBound - 1, 0, range.upperBound - range.lowerBound]
        var writer = ByteWriter()
        func head(_ tag: UInt8, fieldSize: UInt16, _ writer: inout ByteWriter) {
            writer.append(tag)
            writer.append(3 + 5 * fieldSize)
            writer.append(kind.rawValue)
            writer.append(flags)
            writer.append(kind.flags)
        }
        // The length of a whole 16-bit or 32-bit space does not fit its field.
        if kind != .memory, fields[4] <= UInt16.max {
            head(0x88, fieldSize: 2, &writer)
            for field in fields { writer.append(UInt16(truncatingIfNeeded: field)) }
        } else if range.upperBound <= MemoryMap.fourGiB, fields[4] <= UInt32.max {
            head(0x87, fieldSize: 4, &writer)
            for field in fields { writer.append(UInt32(truncatingIfNeeded: field)) }
        } else {
            head(0x8a, fieldSize: 8, &writer)
            for field in fields { writer.append(field) }
        }
        return AMLResource(bytes: writer.bytes)
    }
}
