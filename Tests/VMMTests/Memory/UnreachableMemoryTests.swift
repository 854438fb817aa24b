import Boot
import KVM
import LinuxSystem
import PCI
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// Memory of a BAR that the host can't reach any more, as a VFIO device's that sleeps: KVM_RUN gives EFAULT on the
/// guest's access.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct UnreachableMemoryTests {
    /// A BAR of 512 MiB that begins at 0xC0000000, one page of it memory, where guests/exits writes.
    private final class Hole: PCIFunction, @unchecked Sendable {
        // @unchecked: what changes is atomic or behind the lock; the test keeps the memory.
        static let place: UInt64 = 0xD000_0000
        private static let bar = BAR(index: 0, kind: .memory32, size: 1 << 29)
        private let start = Atomic<UInt64>(0)
        private let memory: UnsafeMutableRawPointer
        let writes = Mutex<[UInt64]>([])

        init(_ memory: UnsafeMutableRawPointer) {
            self.memory = memory
            super.init()
        }

        override var bars: [BAR] { [Self.bar].compactMap(\.self) }
        override func assign(_ bar: BAR, address: UInt64) { start.store(address, ordering: .relaxed) }
        override func decodedBARs() -> [DecodedBAR] {
            bars.map { DecodedBAR(bar: $0, address: start.load(ordering: .relaxed)) }
        }

        override func mappableRegions(_ bar: Int) -> [MappableRegion] {
            [MappableRegion(offset: Self.place - start.load(ordering: .relaxed), count: 4096, memory: memory)]
        }

        override func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
            writes.withLock { $0.append(offset + start.load(ordering: .relaxed)) }
        }
    }

    @Test("an access to it goes to the device, and the run continues", arguments: [1, 2]) func unreachableAccess(
        cpus: Int
    ) throws {
        // Mapped, and behind the end of its file.
        let file = try TemporaryFile("hole", size: 0)
        let mapping = try Mapping(file.descriptor, count: 4096)
        let hole = Hole(mapping.base)
        var withdrawals: UInt64 = 0
        let account = try MachineTests.run(TestKernel.built("exits.elf"), cpus: cpus, append: "mode=mmio n=100") {
            machine in
            #expect(throws: Never.self) { try machine.bridge.plug(hole, slot: 4) }
            machine.bridge.remap()
            withdrawals = machine.bridge.withdrawalCount
        }
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(hole.writes.withLock { $0 } == [UInt64](repeating: Hole.place, count: 100))
        // A KVM that emulates the guest's instruction gives an exit at once; one that runs it on the processor fails
        // first.
        #expect(account.result.exits[.failed] <= 1)
        #expect(account.result.exits[.mmioWrite] == 100)
        #expect(withdrawals == 0)
    }

    @Test("the map says if another try may end differently")
    func retryDecision() throws {
        let bridge = PCIHostBridge(
            vm: virtualMachine(on: KernelDouble(asksKernel: false)), memory: try GuestMemory(count: 1 << 20),
            firstMemorySlot: 1, physicalAddressBits: 40
        ) { Issue.record("\($0)") }
        var known: UInt64?
        #expect(bridge.withdrawMemory(&known), "the first time the map may have changed")
        #expect(!bridge.withdrawMemory(&known), "nothing to take, nothing changed: the failure is another")
        let mapping = try Mapping(anonymous: 4096, object: "memory")
        try bridge.plug(Hole(mapping.base), slot: 4)
        bridge.remap()
        #expect(bridge.withdrawMemory(&known))
        #expect(bridge.withdrawalCount == 1)
        #expect(!bridge.withdrawMemory(&known))
        // What functions decode next changes, and their memory comes back.
        bridge.remap()
        #expect(bridge.withdrawMemory(&known))
        #expect(bridge.withdrawalCount == 2)
    }
}
