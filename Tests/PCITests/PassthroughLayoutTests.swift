import PCI
import TestSupport
import Testing

@Suite struct PassthroughLayoutTests {
    @Test(arguments: ConfigDump.allCases)
    func holdsToItsInvariants(dump: ConfigDump) {
        var random = SplitMix(seed: 3)
        for hasINTx in [true, false] {
            let accesses = (0..<4000).map { _ in
                PassthroughInvariants.Access(
                    offset: random.below(dump.size), value: UInt32(truncatingIfNeeded: random.next()),
                    width: [1, 2, 4][random.below(3)])
            }
            #expect(
                PassthroughInvariants.violations(
                    hardware: dump.bytes, bars: dump.bars, hasINTx: hasINTx, accesses: accesses) == [])
        }
    }

    /// The capabilities as a guest follows them, and the extended ones.
    @Test(
        arguments: [
            (.e1000e, [0xC8, 0xD0, 0xE0, 0xA0], [0x100, 0x140]), (.e1000, [], []), (.edu, [0x40], []),
            (.nvme, [0x40, 0x80, 0x60], [0x100]),
            (.virtioNet, [0x98, 0x84, 0x70, 0x60, 0x50, 0x40], []), (.xhci, [0x90, 0xA0], [0x100]),
        ] as [(ConfigDump, [Int], [Int])])
    func listsWhatTheDeviceListsInItsOrder(dump: ConfigDump, capabilities: [Int], extended: [Int]) {
        let space = dump.layout().space
        var found: [Int] = []
        var place = Int(space.read(0x34, width: 1))
        while place != 0, found.count < 64 {
            found.append(place)
            place = Int(space.read(place + 1, width: 1))
        }
        #expect(found == capabilities)
        guard space.size == 4096 else { return }
        found = []
        place = 0x100
        while place != 0, found.count < 64 {
            found.append(place)
            place = Int(space.read(place, width: 4) >> 20)
        }
        #expect(found == extended)
    }

    @Test("the guest sees the ids, and not the host's use of the function")
    func header() {
        let space = ConfigDump.e1000e.layout().space
        #expect(space.read(0, width: 4) == 0x10D3_8086)
        #expect(space.read(8, width: 4) == 0x0200_0000)
        #expect(space.read(0x2C, width: 4) == 0x0000_8086)
        // The host's COMMAND was 0x0103, its BARs had addresses, its interrupt line was 10.
        #expect(space.read(4, width: 2) == 0)
        for place in stride(from: 0x10, to: 0x28, by: 4) { #expect(space.read(place, width: 4) & ~15 == 0) }
        #expect(space.read(0x3C, width: 2) == 0x0100)
    }

    @Test func statusIsTheDevicesButForTheList() {
        for dump in ConfigDump.allCases {
            let space = dump.layout().space
            #expect(space.hardwareReadMask(6, width: 2) == 0xFFEF)
            #expect(space.read(6, width: 2) == (dump == .e1000 ? 0 : 0x10))
        }
    }

    @Test("the power state is forwarded and read back, without PME")
    func powerState() {
        let space = ConfigDump.e1000e.layout().space
        #expect(space.read(0xCA, width: 2) & 0xF800 == 0, "no state in which PME is signalled")
        #expect(space.hardwareWriteMask(0xCC, width: 2) == 0x0003)
        #expect(space.hardwareReadMask(0xCC, width: 2) & 0x0003 == 0x0003)
    }

    /// On the root bus an endpoint with a link would make guests look for the port above it.
    @Test func expressEndpointsBecomeIntegratedOnes() {
        let space = ConfigDump.e1000e.layout().space
        #expect(ConfigDump.e1000e.bytes[0xE2] >> 4 == 0 || ConfigDump.e1000e.bytes[0xE2] >> 4 == 9)
        #expect(space.read(0xE2, width: 2) & 0xF0 == 0x90)
        #expect(space.read(0xEC, width: 4) == 0, "link capabilities")
        #expect(space.read(0xF0, width: 4) == 0, "link control and status")
    }

    @Test("a function-level reset is forwarded and never reads back")
    func functionLevelReset() {
        var space = ConfigDump.e1000e.layout().space
        #expect(space.hardwareWriteMask(0xE8, width: 2) & 0x8000 != 0)
        space.write(0xE8, 0x8000, width: 2)
        #expect(space.read(0xE8, width: 2) & 0x8000 == 0)
    }

    @Test func virtioVendorCapabilitiesAreTheDevices() {
        let space = ConfigDump.virtioNet.layout().space
        for (place, length) in [(0x40, 16), (0x50, 16), (0x60, 16), (0x70, 20), (0x84, 20)] {
            #expect(space.read(place, width: 1) == 9)
            #expect(space.read(place + 2, width: 1) == UInt32(length))
            for byte in place + 3..<place + length { #expect(space.hardwareReadMask(byte, width: 1) == 0xFF) }
        }
    }

    @Test("an extended list whose first entry is hidden still starts at 0x100")
    func hiddenFirstExtendedCapability() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        func put(_ offset: Int, _ header: UInt32) {
            for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: header >> UInt32(8 * index)) }
        }
        put(0x100, 0x2001_000E)  // ARI: hidden
        put(0x200, 0x3001_0003)  // serial number
        put(0x204, 0xDEAD_BEEF)
        put(0x300, 0x4001_0010)  // SR-IOV: hidden
        put(0x400, 0x0001_0001)  // error reporting
        let space = PassthroughLayout(hardware: bytes, bars: [], hasINTx: false).space
        #expect(space.read(0x100, width: 4) == 0x2001_0000)
        #expect(space.read(0x200, width: 4) == 0x4001_0003)
        #expect(space.read(0x204, width: 4) == 0xDEAD_BEEF)
        #expect(space.read(0x300, width: 4) == 0)
        #expect(space.read(0x400, width: 4) == 0x0001_0001)
    }

    @Test(arguments: [0, 1, 4, 63, 64, 255, 256, 257, 4095, 4096, 5000])
    func takesAnImageOfAnyLength(count: Int) {
        for fill: UInt8 in [0, 0xFF, 0x40] {
            let hardware = [UInt8](repeating: fill, count: count)
            #expect(PassthroughInvariants.violations(hardware: hardware, bars: [], hasINTx: true, accesses: []) == [])
        }
    }

    /// A device that lists one capability inside another, so that a forwarded byte of the one would be a register of
    /// the other.
    @Test(
        "overlapping capabilities give no access to the device",
        arguments: [
            (0x09, 0x60, 0x05, 0x70), (0x05, 0x70, 0x09, 0x60), (0x10, 0x60, 0x11, 0x68), (0x11, 0x68, 0x10, 0x60),
        ])
    func overlappingCapabilities(first: Int, at: Int, second: Int, then: Int) {
        var bytes = [UInt8](repeating: 0, count: 256)
        (bytes[6], bytes[0x34]) = (0x10, UInt8(at))
        (bytes[at], bytes[at + 1], bytes[then], bytes[then + 1]) = (UInt8(first), UInt8(then), UInt8(second), 0)
        if first == 9 { bytes[at + 2] = 0x40 } else if second == 9 { bytes[then + 2] = 0x40 }
        if first == 0x10 { bytes[at + 2] = 2 } else if second == 0x10 { bytes[then + 2] = 2 }
        #expect(PassthroughInvariants.violations(hardware: bytes, bars: [], hasINTx: false, accesses: []) == [])
    }
}

@Suite struct PassthroughMutationTests {
    /// BARs as a kernel would have found them in these bytes.
    private func bars(_ bytes: [UInt8], _ random: inout SplitMix) -> [BAR] {
        var bars: [BAR] = []
        var index = 0
        while index < 6 {
            defer { index += 1 }
            let register = bytes[0x10 + 4 * index]
            let kind: BAR.Kind = register & 1 != 0 ? .io : register & 6 == 4 ? .memory64 : .memory32
            guard random.below(3) > 0,
                let bar = BAR(
                    index: index, kind: kind, size: 1 << UInt64(random.below(40)), prefetchable: register & 8 != 0)
            else { continue }
            bars.append(bar)
            if kind == .memory64 { index += 1 }
        }
        return bars
    }

    /// Real functions with bytes changed at random, most of them where the structure is.
    @Test(arguments: ConfigDump.allCases)
    func damagedFunctionsHoldToTheInvariants(dump: ConfigDump) {
        var random = SplitMix(seed: 0xC0FFEE)
        for round in 0..<100 {
            var bytes = dump.bytes
            for _ in 0..<1 + random.below(24) {
                let place = random.below(4) == 0 ? random.below(bytes.count) : random.below(min(bytes.count, 0x180))
                bytes[place] =
                    random.below(2) == 0
                    ? random.byte() : [0, 0x01, 0x03, 0x05, 0x09, 0x10, 0x11, 0x13, 0x40, 0x60, 0xFF][random.below(11)]
            }
            let accesses = (0..<64).map { _ in
                PassthroughInvariants.Access(
                    offset: random.below(bytes.count + 8) - 4, value: UInt32(truncatingIfNeeded: random.next()),
                    width: 1 + random.below(4))
            }
            let found = PassthroughInvariants.violations(
                hardware: bytes, bars: bars(bytes, &random), hasINTx: random.below(2) == 0, accesses: accesses)
            if !found.isEmpty {
                Issue.record("round \(round): \(found)")
                return
            }
        }
    }

    @Test(arguments: [256, 4096])
    func noiseHoldsToTheInvariants(size: Int) {
        var random = SplitMix(seed: UInt64(size))
        for round in 0..<40 {
            var bytes = (0..<size).map { _ in random.byte() }
            bytes[6] |= 0x10
            let found = PassthroughInvariants.violations(
                hardware: bytes, bars: bars(bytes, &random), hasINTx: random.below(2) == 0, accesses: [])
            if !found.isEmpty {
                Issue.record("round \(round): \(found)")
                return
            }
        }
    }
}
