import Boot
import Bytes
import KVM
import LinuxSystem
import PCI
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// A device that remembers what it was asked.
private final class Probe: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.
    let asked = Mutex<[[UInt64]]>([])
    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        asked.withLock { $0.append([offset, UInt64(width)]) }
        return 0xA5
    }
    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        asked.withLock { $0.append([offset, UInt64(width), value]) }
    }
}

@Suite struct BusTests {
    @Test func accessesGoToTheClaimTheyBeginIn() throws {
        var bus = Bus()
        let (low, high) = (Probe(), Probe())
        try bus.claim(0x100..<0x108, low, for: "low")
        try bus.claim(0x108..<0x110, high, for: "high")
        #expect(bus.read(0x107, width: 4) == 0xA5)
        #expect(bus.write(0x108, 7, width: 1))
        #expect(low.asked.withLock { $0 } == [[7, 4]])
        #expect(high.asked.withLock { $0 } == [[0, 1, 7]])
        #expect(bus.read(0xFF, width: 1) == nil)
        #expect(bus.read(0x110, width: 1) == nil)
        #expect(bus.read(.max, width: 8) == nil)
        #expect(!bus.write(0x110, 0, width: 1))
    }

    @Test(
        arguments: [
            (0x0F0..<0x100, true), (0x110..<0x120, true), (0x0F0..<0x101, false), (0x10F..<0x110, false),
            (0x104..<0x105, false), (0..<0x1000, false),
            (0x100..<0x110, false),
        ] as [(Range<UInt64>, Bool)])
    func aRangeHasOneOwner(range: Range<UInt64>, isTaken: Bool) throws {
        var bus = Bus()
        let (first, second) = (Probe(), Probe())
        try bus.claim(0x100..<0x110, first, for: "the first")
        let earlier = Bus.Claim(owner: "the first", range: AddressRange(0x100..<0x110))
        let later = Bus.Claim(owner: "the second", range: AddressRange(range))
        do throws(Bus.ClaimError) {
            try bus.claim(range, second, for: "the second")
            #expect(isTaken)
            #expect(bus.claims == [earlier, later])
        } catch {
            #expect(!isTaken)
            #expect(error == .overlap(later, earlier: earlier))
            #expect(bus.claims == [earlier])
        }
        for address in UInt64(0x100)..<0x110 { _ = bus.read(address, width: 1) }
        #expect(first.asked.withLock { $0.count } == 16)
        #expect(second.asked.withLock { $0.isEmpty })
    }

    @Test(arguments: [0x50..<0x50, 0x105..<0x105] as [Range<UInt64>])
    func nobodyAnswersNowhere(range: Range<UInt64>) throws {
        var bus = Bus()
        try bus.claim(0x100..<0x110, Probe(), for: "the first")
        #expect(throws: Bus.ClaimError.empty(owner: "the second")) { try bus.claim(range, Probe(), for: "the second") }
    }

    @Test func whatIsReservedAnswersNotAndIsNobodyElses() throws {
        var bus = Bus()
        try bus.reserve(0x20..<0x22, for: "the PIC")
        #expect(bus.read(0x20, width: 1) == nil)
        #expect(!bus.write(0x21, 0, width: 1))
        do throws(Bus.ClaimError) {
            try bus.claim(0x21..<0x22, Probe(), for: "the exit port")
            Issue.record("was claimed")
        } catch {
            #expect(
                error.description == "0x21 (the exit port) overlaps 0x20-0x21 (the PIC): give one of them another place"
            )
        }
    }

    @Test func aDeviceThatDoesNothingReadsAllOnes() {
        #expect(BusDevice().read(0, width: 4) == .max)
    }
}

/// A function whose BARs decode where a test says.
private final class Decoder: PCIFunction, @unchecked Sendable {
    // @unchecked: all it has is constant.
    let decoded: [DecodedBAR]
    let value: UInt64

    init(_ value: UInt64 = 0, _ bars: (index: Int, kind: BAR.Kind, size: UInt64, address: UInt64)...) {
        self.value = value
        decoded = bars.compactMap { bar in
            BAR(index: bar.index, kind: bar.kind, size: bar.size).map { DecodedBAR(bar: $0, address: bar.address) }
        }
        super.init()
    }

    override func decodedBARs() -> [DecodedBAR] { decoded }
    override func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 { value << 32 | UInt64(bar) << 16 | offset }
}

@Suite struct BARMapTests {
    private let windows = [
        AddressRange(0xC000_0000..<0xE000_0000), AddressRange(0xF000_0000..<0xFEC0_0000),
        AddressRange(1 << 36..<1 << 40),
    ]

    private func map(_ functions: PCIFunction...) -> BARMap {
        BARMap.make(functions, windows: windows, ports: AddressRange(0x1000..<0x1_0000))
    }

    @Test func anAccessFindsItsBARAndOffset() {
        let map = map(
            Decoder(1, (0, .memory32, 0x1000, 0xC000_0000), (2, .io, 32, 0x2000)),
            Decoder(2, (4, .memory64, 0x1000, 1 << 36)))
        #expect(map.read(0xC000_0FFF, isIO: false, width: 1) == 0x1_0000_0FFF)
        #expect(map.read(0x2010, isIO: true, width: 1) == 0x1_0002_0010)
        #expect(map.read(1 << 36, isIO: false, width: 1) == 0x2_0004_0000)
        #expect(map.read(0xC000_1000, isIO: false, width: 4) == .max)
        #expect(map.read(0x2010, isIO: false, width: 4) == .max)
        #expect(map.read(0xC000_0000, isIO: true, width: 4) == .max)
    }

    @Test(
        arguments: [
            0, 0x1000, 0xBFFF_F000, 0xDFFF_F000 + 0x1000, 0xE000_0000, 0xEFFF_F000, 0xFEC0_0000, 0xFEE0_0000,
            0xFFFF_F000, 1 << 32, (1 << 36) - 0x1000,
            1 << 40, UInt64.max & ~0xFFF,
        ] as [UInt64])
    func outsideTheWindowsNothingAnswers(address: UInt64) {
        #expect(map(Decoder(1, (0, .memory64, 0x1000, address))).entries.isEmpty)
    }

    @Test(
        arguments: [
            (0xC000_0000, 0x2000_0000, true), (0xDFFF_F000, 0x2000, false), (0xBFFF_F000, 0x2000, false),
            (0xF000_0000, 0x800_0000, true),
        ]
            as [(UInt64, UInt64, Bool)])
    func aBARLiesWhollyInOneWindow(address: UInt64, size: UInt64, answers: Bool) {
        #expect(map(Decoder(1, (0, .memory32, size, address))).entries.isEmpty != answers)
    }

    @Test(
        arguments: [(0x0FE0, false), (0x1000, true), (0xFFE0, true), (0x0CF8, false), (0xFFF0, false)]
            as [(UInt64, Bool)])
    func portsHaveTheirOwnWindow(address: UInt64, answers: Bool) {
        #expect(map(Decoder(1, (0, .io, 32, address))).entries.isEmpty != answers)
    }

    @Test func whereTwoOverlapTheFirstWins() {
        let map = map(
            Decoder(1, (0, .memory32, 0x2000, 0xC000_0000)),
            Decoder(2, (0, .memory32, 0x2000, 0xC000_1000), (1, .memory32, 0x1000, 0xC000_2000)),
            Decoder(3, (0, .memory32, 0x8000, 0xC000_0000)))
        #expect(map.entries.count == 2)
        #expect(map.read(0xC000_1000, isIO: false, width: 1) == 0x1_0000_1000)
        #expect(map.read(0xC000_2000, isIO: false, width: 1) == 0x2_0001_0000)
        #expect(map.read(0xC000_3000, isIO: false, width: 1) == .max)
    }

    @Test func portsAndMemoryDoNotConflict() {
        #expect(
            map(Decoder(1, (0, .io, 32, 0x2000)), Decoder(2, (1, .io, 32, 0x2010)), Decoder(3, (0, .io, 32, 0x2020)))
                .entries.count == 2)
    }
}

@Suite struct PCIHostBridgeTests {
    private let bridge: PCIHostBridge

    init() throws {
        let vm = virtualMachine(on: KernelDouble(asksKernel: false))
        bridge = PCIHostBridge(
            vm: vm, memory: try GuestMemory(count: 1 << 20), firstMemorySlot: 1, physicalAddressBits: 40
        ) { Issue.record("\($0)") }
    }

    /// A function with one BAR that remembers its address.
    private final class Plain: PCIFunction, @unchecked Sendable {
        // @unchecked: what changes is atomic.
        let bar: BAR
        let address = Atomic<UInt64>(0)
        init(_ bar: BAR) {
            self.bar = bar
            super.init()
        }
        override var bars: [BAR] { [bar] }
        override func assign(_ bar: BAR, address: UInt64) { self.address.store(address, ordering: .relaxed) }
    }

    @Test func slotsAreTakenOnce() throws {
        try bridge.plug(PCIFunction(), slot: 4)
        for slot in [4, 0, 32, -1] {
            #expect(throws: PCIHostBridge.PlugError.self) { try bridge.plug(PCIFunction(), slot: slot) }
        }
        #expect(bridge.freeSlot(without: [1, 2]) == 3)
        for slot in 1..<32 where slot != 4 { try bridge.plug(PCIFunction(), slot: slot) }
        #expect(bridge.freeSlot(without: []) == nil)
    }

    @Test func smallBARsLieBelow4GiBAndLargeOnesAbove() throws {
        let small = try Plain(#require(BAR(index: 0, kind: .memory64, size: 1 << 20)))
        let large = try Plain(#require(BAR(index: 0, kind: .memory64, size: 1 << 30)))
        try bridge.plug(small, slot: 1)
        try bridge.plug(large, slot: 2)
        #expect(PhysicalLayout.memoryWindow.contains(small.address.load(ordering: .relaxed)))
        #expect(large.address.load(ordering: .relaxed) >= 1 << 32)
    }

    @Test func whatFindsNoRoomIsSaid() throws {
        let large = try Plain(#require(BAR(index: 3, kind: .memory32, size: 1 << 30)))
        do {
            try bridge.plug(large, slot: 1)
            Issue.record("a GiB below 4 GiB")
        } catch {
            #expect(error.description.contains("BAR 3"))
            #expect(error.description.contains("1048576 KiB"))
        }
    }

    /// PCI Local Bus 3.0, section 3.2.2.3.2: the latch is written by doublewords alone, and ports beside it are
    /// others'.
    @Test func theAddressLatchTakesDoublewordsOnly() throws {
        let ports = ConfigPorts(bridge, try RunState {})
        ports.write(0, 0x8000_0000, width: 4)
        #expect(ports.read(0, width: 4) == 0x8000_0000)
        ports.write(0, 0x12, width: 1)
        ports.write(2, 0x1234, width: 2)
        ports.write(3, 0x01, width: 1)
        #expect(ports.read(0, width: 4) == 0x8000_0000)
        #expect(ports.read(4, width: 4) == 0x29C0_8086)
        #expect(ports.read(4, width: 2) == 0x8086)
        #expect(ports.read(6, width: 2) == 0x29C0)
        #expect(ports.read(7, width: 1) == 0x29)
        ports.write(0, 0x0000_0000, width: 4)
        #expect(ports.read(4, width: 4) == .max, "the enable bit is clear")
    }

    @Test(arguments: [(2, false), (4, true), (6, true), (0xE, true)] as [(UInt64, Bool)])
    func theResetControlRegisterResets(value: UInt64, resets: Bool) throws {
        let runState = try RunState {}
        let ports = ConfigPorts(bridge, runState)
        ports.write(0, value << 8, width: 4)
        #expect(runState.outcome == nil, "a doubleword is an address")
        ports.write(1, value, width: 1)
        #expect((runState.outcome != nil) == resets)
        #expect(ports.read(1, width: 1) == value & 0xA)
        #expect(ports.read(0, width: 4) == value << 8)
    }

    @Test func theEnhancedWindowAnswersEveryWidth() {
        let window = ECAM(bridge)
        #expect(window.read(0, width: 4) == 0x29C0_8086)
        #expect(window.read(1, width: 1) == 0x80)
        #expect(window.read(2, width: 2) == 0x29C0)
        #expect(window.read(0x60, width: 4) == PhysicalLayout.ecam.lowerBound | 1, "where the window is")
        #expect(window.read(0, width: 8) == 0x29C0_8086, "COMMAND and STATUS are zero")
        for place in [1 << 12, 1 << 15, 1 << 20, 0xFFF_FFFC] as [UInt64] {
            #expect(window.read(place, width: 4) == 0xFFFF_FFFF)
        }
    }
}
