#if canImport(PCI)
    import PCI
#endif

/// What must hold of a passed-through function's configuration space whatever the device says and the guest writes.
///
/// Written from the specifications alone, not from the layout's code. Tests/PCITests and Fuzz/FuzzConfigSpace.swift
/// share it.
struct PassthroughInvariants {
    struct Access {
        let offset: Int
        let value: UInt32
        /// 1...4 bytes.
        let width: Int
    }

    private let hardware: [UInt8]
    private let bars: [BAR]
    private let hasINTx: Bool
    private let layout: PassthroughLayout
    private let writable: [UInt32]
    private var violations: [String] = []

    private init(hardware: [UInt8], bars: [BAR], hasINTx: Bool) {
        self.hardware = hardware
        self.bars = bars
        self.hasINTx = hasINTx
        layout = PassthroughLayout(hardware: hardware, bars: bars, hasINTx: hasINTx)
        writable = Self.writableBits(layout.space)
    }

    /// Lays the function out, lets a guest make its accesses, and tells what did not hold; empty when all did.
    static func violations(hardware: [UInt8], bars: [BAR], hasINTx: Bool, accesses: [Access]) -> [String] {
        var check = PassthroughInvariants(hardware: hardware, bars: bars, hasINTx: hasINTx)
        check.checkHeader()
        let named = check.checkCapabilities()
        check.checkExtendedCapabilities()
        check.checkHidden(named)
        check.checkSizing()
        check.checkWrites(accesses)
        check.checkTable(accesses)
        return check.violations
    }

    private mutating func require(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { violations.append(text()) }
    }

    private func byte(_ offset: Int) -> UInt32 { hardware.indices.contains(offset) ? UInt32(hardware[offset]) : 0 }

    /// Bits of each byte that a guest can change, found by changing them.
    private static func writableBits(_ space: ConfigSpace) -> [UInt32] {
        var (ones, zeros) = (space, space)
        for offset in 0..<space.size {
            ones.write(offset, 0xFF, width: 1)
            zeros.write(offset, 0, width: 1)
        }
        return (0..<space.size).map { ones.read($0, width: 1) ^ zeros.read($0, width: 1) }
    }

    // MARK: The header

    private mutating func checkHeader() {
        let space = layout.space
        require(space.size == (hardware.count >= 4096 ? 4096 : 256), "size \(space.size)")
        for place in [0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0A, 0x0B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3E, 0x3F] {
            require(space.read(place, width: 1) == byte(place), "byte \(place) is not the device's")
            requireFixed(space, place)
        }
        require(space.read(0x0E, width: 1) == byte(0x0E) & 0x7F, "header type")
        requireFixed(space, 0x0E)
        requireFixed(space, 0x34)
        requireFixed(space, 0x3D)
        let pin = space.read(0x3D, width: 1)
        require(pin == UInt32(layout.interruptPin) && pin <= 4 && (hasINTx || pin == 0), "interrupt pin \(pin)")
        let devicePin = byte(0x3D)
        require(!hasINTx || !(1...4).contains(devicePin) || pin == devicePin, "the device's pin \(devicePin) is lost")
        require(writable[0x3C] == 0xFF && space.hardwareWriteMask(0x3C, width: 1) == 0, "interrupt line")

        // COMMAND: the guest's view alone, of the bits that mean something here.
        require(
            space.read(4, width: 2) == 0 && space.hardwareReadMask(4, width: 2) == 0,
            "COMMAND is read from the hardware")
        let command = writable[4] | writable[5] << 8
        require(command & ~0x0557 == 0, "COMMAND has reserved bits: \(command)")
        require(command & 0x0404 == 0x0404, "bus mastering and INTx-disable are not the guest's")
        require(command & 1 == (bars.contains { $0.isIO } ? 1 : 0), "I/O decoding without I/O")
        require(command & 2 == (bars.contains { !$0.isIO } ? 2 : 0), "memory decoding without memory")
        require(
            space.hardwareWriteMask(4, width: 2) & ~command == 0, "a COMMAND bit goes to the device and not to the view"
        )
        // STATUS: whether there is a list is ours to say; only bits that a one clears are written.
        require(space.hardwareReadMask(6, width: 2) & 0x10 == 0 && writable[6] == 0 && writable[7] == 0, "STATUS")
        require(space.hardwareWriteMask(6, width: 2) & ~0xF900 == 0, "STATUS is written")
        // BARs and the expansion ROM.
        for place in Array(0x10..<0x2C) + Array(0x30..<0x34) {
            require(
                space.hardwareWriteMask(place, width: 1) == 0 && space.hardwareReadMask(place, width: 1) == 0,
                "the device hears of byte \(place)")
        }
    }

    private mutating func requireFixed(_ space: ConfigSpace, _ place: Int) {
        let owners =
            writable[place] | space.hardwareReadMask(place, width: 1) | space.hardwareWriteMask(place, width: 1)
        require(owners == 0, "byte \(place) is not fixed")
    }

    // MARK: Capabilities

    /// Follows the list as a guest does.
    /// - Returns: the bytes that it names.
    private mutating func checkCapabilities() -> Set<Int> {
        let space = layout.space
        var named: Set<Int> = []
        var offset = Int(space.read(0x34, width: 1))
        let hasList = space.read(6, width: 2) & 0x10 != 0
        require(hasList == (offset != 0), "the list's pointer and its STATUS bit differ")
        var steps = 0
        while offset != 0, steps < 64 {
            steps += 1
            guard offset >= 0x40, offset & 3 == 0, offset <= 0xFC else {
                require(false, "a capability at \(offset)")
                break
            }
            let id = space.read(offset, width: 1)
            let known = byte(offset)
            require(id == known, "capability \(id) at \(offset) is \(known) in the device")
            let length = length(id, offset, space)
            require(length != nil, "capability \(id) at \(offset) is shown")
            let bytes = offset..<offset + (length ?? 2)
            require(bytes.upperBound <= 256, "capability \(id) at \(offset) runs out of the space")
            require(named.isDisjoint(with: bytes), "capability \(id) at \(offset) overlaps another")
            named.formUnion(bytes)
            requireFixed(space, offset)
            requireFixed(space, offset + 1)
            offset = Int(space.read(offset + 1, width: 1))
        }
        require(offset == 0, "the list of capabilities has no end")
        // Enabling messages and writing them is ours; the device must never hear it from the guest.
        let messages = [
            layout.msi.map { $0.offset..<$0.offset + $0.length }, layout.msix.map { $0.offset..<$0.offset + 12 },
        ]
        for place in messages.compactMap({ $0 }).joined() {
            require(named.contains(place), "a message capability that the list does not name")
            require(
                space.hardwareWriteMask(place, width: 1) == 0 && space.hardwareReadMask(place, width: 1) == 0,
                "the device hears of byte \(place)")
        }
        return named
    }

    /// Bytes of a capability that guests may have; nil for those they may not.
    private func length(_ id: UInt32, _ offset: Int, _ space: ConfigSpace) -> Int? {
        switch id {
        case 0x01, 0x03: 8
        case 0x05:
            layout.msi?.offset != offset ? nil : [10, 14, 20, 24][Int(space.read(offset + 2, width: 2) >> 7 & 3)]
        case 0x09: max(3, Int(space.read(offset + 2, width: 1)))
        // Some devices cut it short, and begin the next one there.
        case 0x10: min(space.read(offset + 2, width: 1) & 15 >= 2 ? 0x3C : 0x14, nextStart(after: offset) - offset)
        case 0x11: layout.msix?.offset != offset ? nil : 12
        case 0x13: 6
        default: nil
        }
    }

    /// Where the next of the device's capabilities begins, or the space ends.
    private func nextStart(after offset: Int) -> Int {
        Capability.list(hardware).map(\.offset).filter { $0 > offset }.min() ?? 256
    }

    private mutating func checkExtendedCapabilities() {
        let space = layout.space
        guard space.size == 4096 else { return }
        var offset = 0x100
        var seen: Set<Int> = []
        while offset != 0 {
            guard offset >= 0x100, offset & 3 == 0, seen.insert(offset).inserted else {
                return require(false, "an extended list that leads to \(offset)")
            }
            let header = space.read(offset, width: 4)
            for place in offset..<offset + 4 { requireFixed(space, place) }
            let id = header & 0xFFFF
            require(
                [1, 3, 0xB].contains(id) || offset == 0x100 && id == 0,
                "extended capability \(id) at \(offset) is shown")
            require(
                id == 0 || id == byte(offset) | byte(offset + 1) << 8,
                "extended capability \(id) at \(offset) is not the device's")
            offset = Int(header >> 20)
        }
    }

    /// What no register and no capability names reads zero and takes nothing.
    private mutating func checkHidden(_ named: Set<Int>) {
        let space = layout.space
        for place in Array(0x28..<0x2C) + Array(0x30..<0x34) + Array(0x35..<0x3C)
            + (0x40..<256).filter({ !named.contains($0) })
        {
            require(space.read(place, width: 1) == 0, "hidden byte \(place) shows")
            requireFixed(space, place)
        }
    }

    // MARK: Behaviour

    private mutating func checkSizing() {
        for index in 0..<6 {
            var space = layout.space
            let owner = bars.first { $0.index == index || $0.kind == .memory64 && $0.index + 1 == index }
            space.write(0x10 + 4 * index, 0xFFFF_FFFF, width: 4)
            let read = space.read(0x10 + 4 * index, width: 4)
            guard let owner else {
                require(read == 0, "a BAR \(index) that is not there")
                continue
            }
            let mask = ~(owner.size - 1)
            let expected = owner.index == index ? UInt32(truncatingIfNeeded: mask) : UInt32(mask >> 32)
            let flags: UInt32 = owner.index == index ? (owner.isIO ? 3 : 15) : 0
            require(read & ~flags == expected & ~flags, "BAR \(index) sizes as \(read), not \(expected)")
        }
    }

    /// A guest's writes change the bits that it may change, to the value written, and no others.
    private mutating func checkWrites(_ accesses: [Access]) {
        var space = layout.space
        var model = (0..<space.size).map { space.read($0, width: 1) }
        for access in accesses {
            space.write(access.offset, access.value, width: access.width)
            for index in 0..<access.width where model.indices.contains(access.offset + index) {
                let place = access.offset + index
                model[place] = model[place] & ~writable[place] | access.value >> UInt32(8 * index) & writable[place]
            }
            let read = space.read(access.offset, width: access.width)
            let expected = (0..<access.width).reduce(UInt32(0)) { value, index in
                let place = access.offset + index
                return value | (model.indices.contains(place) ? model[place] : 0xFF) << UInt32(8 * index)
            }
            require(read == expected, "\(access) reads back as \(read), not \(expected)")
            // Asked for by whoever acts on the guest's write; must stand any state.
            if let msi = layout.msi {
                require((1...msi.maximumVectors).contains(msi.vectorCount(in: space)), "MSI vectors")
                for vector in 0..<msi.vectorCount(in: space) {
                    _ = (msi.message(vector, in: space), msi.isMasked(vector, in: space))
                }
            }
            for bar in bars {
                require(bar.address(in: space) & (bar.size - 1) == 0, "BAR \(bar.index) at an odd address")
            }
        }
        for place in 0..<space.size where space.read(place, width: 1) != model[place] {
            require(false, "byte \(place) changed by itself")
        }
    }

    /// The same accesses against the MSI-X table: each byte keeps what was written, of vector control only the mask
    /// bit.
    private mutating func checkTable(_ accesses: [Access]) {
        guard let msix = layout.msix else { return }
        var table = MSIXTable(count: msix.vectorCount)
        var model: [Int: UInt64] = [:]
        func expected(_ place: Int) -> UInt64 {
            model[place] ?? (place % 16 == 12 && place < msix.vectorCount * 16 ? 1 : 0)
        }
        for access in accesses {
            // Doubled, so that widths up to 8 and places beyond the table come up.
            let (place, width) = (access.offset &* 9, access.width * 2)
            guard place >= 0 else { continue }
            let value = UInt64(access.value) << 32 | UInt64(~access.value)
            let vector = table.write(UInt64(place), value, width: width)
            require(
                vector == (place < msix.vectorCount * 16 ? place / 16 : nil),
                "a write at \(place) went to vector \(vector ?? -1)")
            for index in 0..<width where place + index < msix.vectorCount * 16 {
                let kept: UInt64 = (place + index) % 16 < 12 ? 0xFF : (place + index) % 16 == 12 ? 1 : 0
                model[place + index] = value >> UInt64(8 * index) & kept
            }
            let read = table.read(UInt64(place), width: width)
            let whole = (0..<width).reduce(UInt64(0)) { $0 | expected(place + $1) << UInt64(8 * $1) }
            require(read == whole, "the table's \(width) bytes at \(place) read \(read), not \(whole)")
            if let vector {
                require(table.isMasked(vector) == (expected(vector * 16 + 12) == 1), "vector \(vector)'s mask")
                let low = (0..<4).reduce(UInt64(0)) { $0 | expected(vector * 16 + $1) << UInt64(8 * $1) }
                require(table.message(vector).address & 0xFFFF_FFFF == low & ~3, "vector \(vector)'s address")
            }
        }
    }
}
