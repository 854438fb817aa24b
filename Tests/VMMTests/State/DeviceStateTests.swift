import KVM
import PCI
import Synchronization
import TestSupport
import Testing

@testable import KVM
@testable import VMM

/// Every device of the board and every emulated function: after any accesses its state, put into a new machine, makes
/// the new one answer as the old one does.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct DeviceStateTests {
    /// The host's time, which a test moves.
    private final class Clock: Sendable {
        let now = Atomic<Int64>(1_795_283_998_000_000_000)
    }

    /// Where the guest can reach something.
    private struct Access {
        enum Place {
            case port, memory, config(ConfigAccess), bar(slot: Int, bar: Int)
        }
        let place: Place
        let address: UInt64
        let width: Int
        /// nil: a read.
        let value: UInt64?
        /// Nanoseconds that pass first.
        let delay: Int64
    }

    private static let functionSlot = 4

    private static func machine(_ clock: Clock, testDevice: Bool) throws -> Machine {
        var configuration = MachineConfiguration(memory: 2 << 20, hasTestDevice: testDevice, showsDebugConsole: true)
        configuration.showsPortE9 = !testDevice
        configuration.wallClock = { clock.now.load(ordering: .relaxed) }
        configuration.evenClock = { UInt64(clock.now.load(ordering: .relaxed)) }
        let machine = try Machine(configuration, on: Hypervisor())
        try machine.attach(InterruptTestFunction(), slot: functionSlot)
        try machine.bridge.placeBARs()
        return machine
    }

    private static func access(_ machine: Machine, _ random: inout SplitMix) -> Access {
        let width = [1, 2, 4, 8][random.below(4)]
        let value = random.below(3) == 0 ? nil : random.below(4) == 0 ? random.next() : random.next() & 0xFF
        let delay = Int64(random.below(4) == 0 ? random.below(2_000_000_000) : random.below(100_000))
        func made(_ place: Access.Place, _ address: UInt64, width: Int) -> Access {
            Access(place: place, address: address, width: width, value: value, delay: delay)
        }
        func claim(_ claims: [Bus.Claim]) -> UInt64 {
            let range = claims[random.below(claims.count)].range
            return range.start + random.next() % range.size
        }
        switch random.below(6) {
        case 0, 1, 2: return made(.port, claim(machine.ports.claims), width: min(width, 4))
        case 3: return made(.memory, claim(machine.mmio.claims), width: width)
        case 4:
            let device = [0, functionSlot, TestDevice.slot][random.below(3)]
            let offset = random.below(random.below(2) == 0 ? 0x100 : 0x40)
            let place = ConfigAccess(ecamOffset: UInt64(device) << 15 | UInt64(offset))
            return made(.config(place), 0, width: min(width, 4))
        default:
            let slot = random.below(2) == 0 ? functionSlot : TestDevice.slot
            return made(.bar(slot: slot, bar: random.below(2)), random.next() % 0x1000 & ~3, width: width)
        }
    }

    /// - Returns: what a read gave.
    private static func make(_ access: Access, on machine: Machine) -> UInt64? {
        switch (access.place, access.value) {
        case (.port, nil): return machine.ports.read(access.address, width: access.width)
        case (.port, let value?): _ = machine.ports.write(access.address, value, width: access.width)
        case (.memory, nil): return machine.mmio.read(access.address, width: access.width)
        case (.memory, let value?): _ = machine.mmio.write(access.address, value, width: access.width)
        case (.config(let place), nil): return UInt64(machine.bridge.read(place, width: access.width))
        case (.config(let place), let value?):
            machine.bridge.write(place, UInt32(truncatingIfNeeded: value), width: access.width)
        case (.bar(let slot, let bar), nil):
            return machine.bridge.function(inSlot: slot)?.readBAR(bar, offset: access.address, width: access.width)
        case (.bar(let slot, let bar), let value?):
            machine.bridge.function(inSlot: slot)?
                .writeBAR(bar, offset: access.address, value, width: access.width)
        }
        return nil
    }

    @Test(arguments: [true, false], 1...20)
    func aCopyAnswersAsTheOriginalDoes(hasTestDevice: Bool, seed: UInt64) throws {
        let clock = Clock()
        let hypervisor = try Hypervisor()
        var random = SplitMix(seed: seed)
        let original = try Self.machine(clock, testDevice: hasTestDevice)
        for _ in 0..<2000 {
            let access = Self.access(original, &random)
            clock.now.add(access.delay, ordering: .relaxed)
            _ = Self.make(access, on: original)
        }
        let copy = try Self.machine(clock, testDevice: hasTestDevice)
        try copy.restore(original.save(on: hypervisor))
        try compare(copy, original, hypervisor)
        for step in 0..<2000 {
            let access = Self.access(original, &random)
            clock.now.add(access.delay, ordering: .relaxed)
            let (expected, answer) = (Self.make(access, on: original), Self.make(access, on: copy))
            #expect(answer == expected, "\(access), step \(step)")
        }
        try compare(copy, original, hypervisor)
    }

    private func compare(_ copy: Machine, _ original: Machine, _ hypervisor: borrowing Hypervisor) throws {
        let now = try copy.save(on: hypervisor)
        let then = try original.save(on: hypervisor)
        #expect(now.devices.map(\.owner) == then.devices.map(\.owner))
        for (now, then) in zip(now.devices, then.devices) { #expect(now == then, "\(now.owner)") }
        #expect(now.bridge.addressLatch == then.bridge.addressLatch)
        for (slot, function) in now.bridge.functions {
            #expect(function == then.bridge.functions[slot], "PCI slot \(slot)")
        }
        #expect(now.lines == then.lines)
        #expect(now.memory == then.memory)
        #expect(now.vm.irqchips == then.vm.irqchips)
    }

    /// A state that is restored is read back as it was; one of another device is refused.
    @Test func aStateOfAnotherDeviceIsRefused() throws {
        let clock = Clock()
        let machine = try Self.machine(clock, testDevice: true)
        #expect(throws: StateError.self) {
            try machine.serial.restore(saved: DeviceState(UInt8(3)), of: "COM1")
        }
        let state = TestScratch(count: 4).save()
        #expect(throws: StateError.self) { try TestScratch(count: 5).restore(state) }
    }

    @Test func memoryIsCopiedWithoutItsZeros() throws {
        let memory = try GuestMemory(count: 8 << 20)
        try memory.write([1, 2, 3], at: 0x1FFE)
        try memory.write([9], at: (8 << 20) - 1)
        let state = memory.save()
        #expect(state.runs.map(\.start) == [0x1000, (8 << 20) - 4096])
        #expect(state.runs.map(\.bytes.count) == [8192, 4096])
        let other = try GuestMemory(count: 8 << 20)
        try other.write([7], at: 0x40_0000)
        try other.restore(state)
        #expect(other.save() == state)
        #expect(throws: StateError.self) { try GuestMemory(count: 4 << 20).restore(state) }
    }
}
