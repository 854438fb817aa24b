import Bytes

/// The machine's identification, for systems and probes that ask firmware. DMTF DSP0134, System Management BIOS 2.8.
///
/// It contains only what holds for a virtual PC: no serial number, no asset tag, no slots, ports or sensors.
struct SMBIOS: Equatable, Sendable {
    let board: Board

    /// Size of the entry point in bytes.
    static let entryPointSize = 31

    /// A structure's handle is its index in the list.
    private static let memoryArrayHandle: UInt16 = 4

    /// The structures in order.
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        for (handle, structure) in structures.enumerated() {
            structure.write(&writer, handle: UInt16(truncatingIfNeeded: handle))
        }
        return writer.bytes
    }

    /// Returns the entry point that a system scans 0xf0000 to 0xfffff for, on a 16-byte boundary: it points to the
    /// structures. Section 5.2.1.
    func entryPoint(to address: UInt32) -> [UInt8] {
        let structures = structures
        let size = structures.reduce(0) { $0 + $1.size }
        var intermediate = ByteWriter(capacity: 16)
        intermediate.append(contentsOf: Array("_DMI_".utf8) + [0])
        intermediate.append(UInt16(truncatingIfNeeded: size))
        intermediate.append(address)
        intermediate.append(UInt16(truncatingIfNeeded: structures.count))
        intermediate.append(UInt8(0x28))
        var writer = ByteWriter(capacity: Self.entryPointSize)
        writer.append(contentsOf: Array("_SM_".utf8) + [0, UInt8(Self.entryPointSize), 2, 8])
        writer.append(UInt16(truncatingIfNeeded: structures.map(\.size).max() ?? 0))
        writer.append(zeros: 1 + 5)
        writer.append(contentsOf: intermediate.bytes.withChecksum(at: 5))
        return writer.bytes.withChecksum(at: 4)
    }

    /// One structure: type, length and handle, then its fields, then its strings, which fields count from 1.
    private struct Structure {
        let type: UInt8
        let fields: [UInt8]
        let strings: [String]

        /// Includes the empty string after the last one; two without strings.
        var size: Int { 4 + fields.count + max(strings.reduce(1) { $0 + $1.utf8.count + 1 }, 2) }

        func write(_ writer: inout ByteWriter, handle: UInt16) {
            writer.append(type)
            writer.append(UInt8(truncatingIfNeeded: 4 + fields.count))
            writer.append(handle)
            writer.append(contentsOf: fields)
            for string in strings { writer.append(terminated: string) }
            writer.append(zeros: strings.isEmpty ? 2 : 1)
        }
    }

    private var structures: [Structure] {
        var all = [firmware, system, chassis, processor]
        if board.memorySize > 0 { all += [memoryArray, memoryDevice, memoryRange] }
        return all + [
            Structure(type: 32, fields: [0, 0, 0, 0, 0, 0, 0], strings: []),
            Structure(type: 127, fields: [], strings: []),
        ]
    }

    /// Section 7.1: 64 KiB at 0xf0000. Characteristics: PCI; a virtual machine, ACPI.
    private var firmware: Structure {
        var writer = ByteWriter(capacity: 20)
        writer.append(contentsOf: [1, 2, 0x00, 0xf0, 3, 0])
        writer.append(UInt64(1 << 7))
        writer.append(contentsOf: [0x01, 0x10, 0, 0, 0xff, 0xff])
        return Structure(type: 0, fields: writer.bytes, strings: ["swiftlet", "1", "11/26/2026"])
    }

    /// Section 7.2. The UUID is not set; a power switch woke it.
    private var system: Structure {
        Structure(
            type: 1, fields: [1, 2, 0, 0] + [UInt8](repeating: 0, count: 16) + [6, 0, 0],
            strings: ["swiftlet", "virtual PC"])
    }

    /// Section 7.4: of unknown kind and states.
    private var chassis: Structure {
        Structure(type: 3, fields: [1, 2, 0, 0, 0, 3, 2, 2, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0], strings: ["swiftlet"])
    }

    /// Section 7.5: one package, enabled, with a core for each processor; speeds and caches unknown.
    private var processor: Structure {
        let count = board.apicIDs.count
        let shown = UInt8(clamping: count)
        var writer = ByteWriter(capacity: 38)
        writer.append(contentsOf: [1, 3, 1, 2])
        writer.append(board.processorSignature)
        writer.append(board.processorFeatures)
        writer.append(contentsOf: [0, 0, 0, 0, 0, 0, 0, 0, 0x41, 1])
        for _ in 0..<3 { writer.append(UInt16.max) }
        writer.append(contentsOf: [0, 0, 0, shown, shown, shown])
        // 64-bit capable, multi-core.
        writer.append(UInt16(count > 1 ? 0x000c : 0x0004))
        writer.append(UInt16(1))
        return Structure(type: 4, fields: writer.bytes, strings: ["CPU 0", "swiftlet"])
    }

    /// Section 7.17: on the system board, system memory, no error correction.
    private var memoryArray: Structure {
        var writer = ByteWriter(capacity: 19)
        writer.append(contentsOf: [3, 3, 3])
        writer.append(UInt32(0x8000_0000))
        writer.append(UInt16(0xfffe))
        writer.append(UInt16(1))
        writer.append(board.memorySize)
        return Structure(type: 16, fields: writer.bytes, strings: [])
    }

    /// Section 7.18: one module with all of it.
    private var memoryDevice: Structure {
        let mebibytes = board.memorySize >> 20
        var writer = ByteWriter(capacity: 36)
        writer.append(Self.memoryArrayHandle)
        writer.append(UInt16(0xfffe))
        writer.append(UInt16.max)
        writer.append(UInt16.max)
        // 0x7fff: the size is in the extended field.
        writer.append(mebibytes < 0x7fff ? UInt16(mebibytes) : 0x7fff)
        writer.append(contentsOf: [9, 0, 1, 0, 7, 4, 0, 0, 0, 2, 0, 0, 0, 0])
        writer.append(mebibytes < 0x7fff ? 0 : UInt32(clamping: mebibytes))
        writer.append(zeros: 8)
        return Structure(type: 17, fields: writer.bytes, strings: ["DIMM 0", "swiftlet"])
    }

    /// Section 7.20. The addresses are those of the array, without the holes of the guest's map.
    private var memoryRange: Structure {
        var writer = ByteWriter(capacity: 27)
        writer.append(UInt32.max)
        writer.append(UInt32.max)
        writer.append(Self.memoryArrayHandle)
        writer.append(UInt8(1))
        writer.append(UInt64(0))
        writer.append(board.memorySize - 1)
        return Structure(type: 19, fields: writer.bytes, strings: [])
    }
}
