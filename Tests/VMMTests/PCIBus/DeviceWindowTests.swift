import KVM
import PCI
import TestSupport
import Testing

@testable import VMM

struct DeviceWindowTests {
    private typealias Need = BARPlacement.Need

    private static let high: Range<UInt64> = 0xC0_0000_0000..<0x100_0000_0000
    private static let standard = PhysicalLayout.memoryWindow.lowerBound

    private static func needs(_ count: Int, _ kind: BAR.Kind, mebibytes: UInt64) -> [BARPlacement.Need] {
        Array(repeating: Need(kind, size: mebibytes << 20), count: count)
    }

    /// As many bochs-displays with 256 MiB each: a BAR of 32 bits and a page of registers.
    private static func displays(_ count: Int) -> [BARPlacement.Need] {
        (0..<count).flatMap { _ in [Need(.memory32, size: 256 << 20), Need(.memory32, size: 4096)] }
    }

    /// Everything has a place, below 4 GiB where it must, aligned and apart, not in ECAM and not behind RAM's
    /// beginning.
    private static func check(
        _ needs: [BARPlacement.Need], memory: UInt64, sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt64 {
        let window = DeviceWindow(memory: memory, needs: [needs], high: high).range
        var placement = BARPlacement(low: window, high: high)
        var taken: [Range<UInt64>] = [PhysicalLayout.ecam]
        for (need, address) in zip(needs, placement.place(needs)) {
            guard let address else {
                Issue.record("\(need) has no place", sourceLocation: sourceLocation)
                continue
            }
            let range = address..<address + need.size
            #expect(
                address % need.size == 0, "\(need)",
                sourceLocation: sourceLocation)
            #expect(
                !taken.contains { $0.overlaps(range) }, "\(need)",
                sourceLocation: sourceLocation)
            if need.kind != .memory64 { #expect(range.upperBound <= 0xFEC0_0000, sourceLocation: sourceLocation) }
            #expect(address >= window.lowerBound, sourceLocation: sourceLocation)
            taken.append(range)
        }
        return window.lowerBound
    }

    @Test func withoutNeedTheWindowIsWhereItWas() {
        for memory in [1 << 20, 256 << 20, 8 << 30] as [UInt64] {
            #expect(DeviceWindow(memory: memory, needs: [[]], high: Self.high).range == PhysicalLayout.memoryWindow)
            #expect(Self.check(Self.needs(20, .memory64, mebibytes: 1), memory: memory) == Self.standard)
        }
    }

    @Test func twoDisplaysOf256MiBFindRoom() {
        for memory in [256 << 20, 8 << 30] as [UInt64] {
            #expect(Self.check(Self.displays(2), memory: memory) == Self.standard)
        }
    }

    @Test func theRoomThatRAMLeavesIsUsed() {
        #expect(Self.check(Self.displays(8), memory: 256 << 20) == 0x6000_0000)
        #expect(Self.check(Self.needs(1, .memory32, mebibytes: 1024), memory: 256 << 20) == 0x8000_0000)
        // What can lie above does not, as long as there is room for a guest without paging to reach it.
        #expect(Self.check(Self.needs(4, .memory64, mebibytes: 256), memory: 256 << 20) == 0xA000_0000)
    }

    @Test func ramGivesWayToWhatCanLieNowhereElse() {
        #expect(Self.check(Self.displays(4), memory: 8 << 30) == 0xA000_0000)
        #expect(Self.check(Self.needs(6, .memory64, mebibytes: 256), memory: 8 << 30) == Self.standard)
        #expect(
            Self.check(Self.displays(3) + Self.needs(1, .memory64, mebibytes: 16 << 10), memory: 8 << 30) == 0xB000_0000
        )
    }

    @Test func aGiBOfRAMStays() {
        let needs = Self.displays(12)
        let window = DeviceWindow(memory: 8 << 30, needs: [needs], high: Self.high).range
        #expect(window == PhysicalLayout.memoryWindow)
        var placement = BARPlacement(low: window, high: Self.high)
        #expect(placement.place(needs).contains(nil))
    }

    @Test func registersOf32BitsComeBeforeThoseThatHaveAChoice() throws {
        var placement = BARPlacement(low: PhysicalLayout.memoryWindow, high: Self.high)
        let addresses = placement.place(
            Self.needs(2, .memory64, mebibytes: 512) + Self.needs(1, .memory32, mebibytes: 256)
        ).compactMap { $0 }
        try #require(addresses.count == 3)
        #expect(addresses[0] >= 1 << 32)
        #expect(addresses[1] >= 1 << 32)
        #expect(addresses[2] == Self.standard)
    }

    /// The machine's RAM, its map for the kernel, its tables and its memory types follow.
    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func theMachineFollows() throws {
        var configuration = MachineConfiguration(memory: 4 << 30)
        configuration.deviceBARs = Self.displays(4)
        let machine = try Machine(configuration, on: Hypervisor())
        let regions = machine.memory.regions.map { [$0.range.lowerBound, $0.range.upperBound] }
        #expect(regions == [[0, 0xA000_0000], [1 << 32, (1 << 32) + (4 << 30) - 0xA000_0000]])
        #expect(machine.bridge.memoryWindow == 0xA000_0000..<0xE000_0000)
    }
}
