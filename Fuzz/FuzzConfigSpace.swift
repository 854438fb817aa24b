// Fuzzes the configuration space of a passed-through function: whatever bytes the device shows and whatever a guest
// writes, the invariants of Tests/PCITests/PassthroughInvariants.swift hold. tools/fuzz compiles this file together
// with that one and the PCI room.
//
// The input, little-endian: a byte of flags (bit 0: 4096 bytes of configuration space, not 256; bit 1: the host can
// deliver INTx), six bytes with the BARs' sizes as powers of two (0: no BAR; its kind is what the device's register
// says), two bytes with the number of the device's bytes that follow (the rest is zero), those bytes, and then the
// guest's accesses of seven bytes each: offset (2), value (4), width (1). The seeds in corpus/config_space are the
// dumps of Tests/PCITests/ConfigDumps.swift with some accesses.

/// Takes an input apart, zeros beyond its end.
private struct Input {
    private let bytes: [UInt8]
    private var next = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var rest: Int { max(0, bytes.count - next) }

    mutating func byte() -> UInt8 {
        defer { next += 1 }
        return next < bytes.count ? bytes[next] : 0
    }

    mutating func number(_ width: Int) -> UInt32 {
        (0..<width).reduce(0) { value, index in value | UInt32(byte()) << UInt32(8 * index) }
    }
}

private func checkFunction(_ bytes: [UInt8]) {
    var input = Input(bytes)
    let flags = input.byte()
    let exponents = (0..<6).map { _ in UInt64(input.byte() & 63) }
    let size = flags & 1 == 0 ? 256 : 4096
    let given = min(Int(input.number(2)), size, input.rest)
    let hardware = (0..<given).map { _ in input.byte() } + [UInt8](repeating: 0, count: size - given)
    var bars: [BAR] = []
    var index = 0
    while index < 6 {
        defer { index += 1 }
        let register = hardware[0x10 + 4 * index]
        let kind: BAR.Kind = register & 1 != 0 ? .io : register & 6 == 4 ? .memory64 : .memory32
        guard exponents[index] > 0,
            let bar = BAR(index: index, kind: kind, size: 1 << exponents[index], prefetchable: register & 8 != 0)
        else { continue }
        bars.append(bar)
        if kind == .memory64 { index += 1 }
    }
    var accesses: [PassthroughInvariants.Access] = []
    while input.rest > 0, accesses.count < 256 {
        let offset = Int(Int16(truncatingIfNeeded: input.number(2)))
        accesses.append(
            PassthroughInvariants.Access(offset: offset, value: input.number(4), width: 1 + Int(input.byte() & 3)))
    }
    let violations = PassthroughInvariants.violations(
        hardware: hardware, bars: bars, hasINTx: flags & 2 != 0, accesses: accesses)
    if !violations.isEmpty { fatalError("\(violations)") }
    checkDecoding(accesses)
    checkWindow(exponents, accesses)
}

/// Both mechanisms name the same register, and one that is there.
private func checkDecoding(_ accesses: [PassthroughInvariants.Access]) {
    for access in accesses {
        let enhanced = ConfigAccess(ecamOffset: UInt64(access.value))
        let isInRange =
            (0...255).contains(enhanced.bus) && (0...31).contains(enhanced.device)
            && (0...7).contains(enhanced.function)
            && (0...4095).contains(enhanced.offset)
        if !isInRange { fatalError("\(enhanced)") }
        let first = ConfigAccess(latch: access.value, lane: access.offset)
        if (first != nil) != (access.value >> 31 != 0) { fatalError("the enable bit of \(access.value)") }
        guard let first else { continue }
        let place = UInt64(access.value & 0xFF_FF00) << 4 | UInt64(access.value & 0xFF) | UInt64(access.offset & 3)
        if first != ConfigAccess(ecamOffset: place) { fatalError("\(first) by one mechanism and not by the other") }
    }
}

/// Addresses given out are aligned, inside and apart.
private func checkWindow(_ exponents: [UInt64], _ accesses: [PassthroughInvariants.Access]) {
    let start = UInt64(accesses.first?.value ?? 0) << (exponents[0] & 32)
    let (end, overflow) = start.addingReportingOverflow(1 << exponents[1])
    var window = BARWindow(start..<(overflow ? .max : end))
    var last = start
    for access in accesses {
        let size = UInt64(1) << UInt64(access.value & 63)
        guard let address = window.allocate(size) else { continue }
        if address % size != 0 || address < last || address > window.range.upperBound - size {
            fatalError("\(size) bytes at \(address)")
        }
        last = address + size
    }
}

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfigSpace(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    checkFunction(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
