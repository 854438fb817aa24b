import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import VMM

/// An emulated function on this host's KVM: what its registers do, and what the guest's local APIC was asked for.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct EmulatedFunctionTests {
    private let machine: Machine
    private let function = InterruptTestFunction()
    private static let (msi, msix): (Int, Int) = (0x40, 0x60)
    private static let (raise, acknowledge, status): (UInt64, UInt64, UInt64) = (0x08, 0x0C, 0x04)

    init() throws {
        machine = try Machine(MachineConfiguration(memory: 1 << 20), on: Hypervisor())
        try machine.attach(function, slot: 5)
        try machine.bridge.placeBARs()
        write(ConfigRegister.command, UInt32(Command([.memorySpace, .busMaster]).rawValue), 2)
    }

    private func write(_ offset: Int, _ value: UInt32, _ width: Int) {
        function.writeConfig(offset, value, width: width, remap: {})
    }
    private func read(_ offset: Int, _ width: Int) -> UInt32 { function.readConfig(offset, width: width) }
    private func raise(_ causes: UInt64) { function.writeBAR(0, offset: Self.raise, causes, width: 4) }

    private func setEntry(_ vector: UInt64, data: UInt64, masked: Bool) {
        function.writeBAR(1, offset: vector * 16, 0xFEE0_0000, width: 8)
        function.writeBAR(1, offset: vector * 16 + 8, data | (masked ? 1 : 0) << 32, width: 8)
    }

    private func counts(_ kind: MessageKind, _ vector: Int) -> InterruptCounts? {
        function.interruptReport.messages.first { $0.kind == kind && $0.vector == vector }?.counts
    }

    @Test func statusShowsThePinWhateverTheModeIs() {
        #expect(read(ConfigRegister.status, 2) == UInt32(Status.capabilitiesList))
        raise(1)
        let isUp = UInt32(Status.capabilitiesList | Status.interrupt)
        #expect(read(ConfigRegister.status, 2) == isUp)
        #expect(read(ConfigRegister.command, 4) >> 16 == isUp)
        #expect(read(ConfigRegister.status + 1, 1) == 0)
        write(ConfigRegister.command, UInt32(Command([.memorySpace, .intxDisable]).rawValue), 2)
        #expect(read(ConfigRegister.status, 2) == isUp)
        function.writeBAR(0, offset: Self.acknowledge, .max, width: 4)
        #expect(read(ConfigRegister.status, 2) == UInt32(Status.capabilitiesList))
    }

    @Test func theLineIsUpWhileOneOfItsFunctionsAsserts() throws {
        let second = InterruptTestFunction()
        try machine.attach(second, slot: 13)
        let pin = Int(PhysicalLayout.intxGSI(slot: 5, pin: 1))
        #expect(try machine.line(slot: 5, pin: 1) === machine.line(slot: 13, pin: 1))
        // struct kvm_ioapic_state: base address, ioregsel, id, irr (the pins that are up).
        func isUp() throws -> Bool {
            let state = try machine.vm.ioapic()
            let requests = (0..<4).reduce(UInt32(0)) { $0 | UInt32(state[16 + $1]) << UInt32(8 * $1) }
            return requests >> UInt32(pin) & 1 != 0
        }
        raise(1)
        #expect(try isUp())
        second.writeBAR(0, offset: Self.raise, 1, width: 4)
        function.writeBAR(0, offset: Self.acknowledge, 1, width: 4)
        #expect(try isUp(), "the second one asserts still")
        second.writeConfig(ConfigRegister.command, UInt32(Command.intxDisable.rawValue), width: 2, remap: {})
        #expect(try !isUp())
        second.writeConfig(ConfigRegister.command, 0, width: 2, remap: {})
        #expect(try isUp())
        second.writeBAR(0, offset: Self.acknowledge, 1, width: 4)
        #expect(try !isUp())
    }

    @Test("a masked vector is pending and is sent once at the unmask")
    func maskedVectorPends() throws {
        setEntry(3, data: 0x41, masked: true)
        write(Self.msix + 2, 0x8000, 2)
        raise(1 << 3)
        raise(1 << 3)
        #expect(function.readBAR(1, offset: 0x800, width: 4) == 1 << 3)
        #expect(counts(.msix, 3) == nil, "never unmasked")
        setEntry(3, data: 0x42, masked: false)
        #expect(function.readBAR(1, offset: 0x800, width: 4) == 0)
        let counts = try #require(self.counts(.msix, 3))
        #expect(counts.held == 2)
        #expect(counts.delivered + counts.blocked == 1)
    }

    @Test func withoutBusMasteringAMessagePends() throws {
        setEntry(0, data: 0x41, masked: false)
        write(Self.msix + 2, 0x8000, 2)
        write(ConfigRegister.command, UInt32(Command.memorySpace.rawValue), 2)
        raise(1)
        #expect(function.readBAR(1, offset: 0x800, width: 8) == 1)
        write(ConfigRegister.command, UInt32(Command([.memorySpace, .busMaster]).rawValue), 2)
        #expect(function.readBAR(1, offset: 0x800, width: 8) == 0)
        #expect(try #require(counts(.msix, 0)).held == 1)
    }

    @Test func msiMasksOneVectorOfSeveral() throws {
        write(Self.msi + 4, 0xFEE0_0000, 4)
        write(Self.msi + 12, 0x40, 2)
        write(Self.msi + 16, 0b10, 4)
        // Four vectors.
        write(Self.msi + 2, 1 | 2 << 4, 2)
        // Cause 5 is vector 1.
        raise(1 << 5)
        #expect(read(Self.msi + 20, 4) == 0b10)
        raise(1 << 2)
        #expect(read(Self.msi + 20, 4) == 0b10)
        let second = try #require(counts(.msi, 2))
        #expect(second.delivered + second.blocked == 1)
        write(Self.msi + 16, 0, 4)
        #expect(read(Self.msi + 20, 4) == 0)
        #expect(try #require(counts(.msi, 1)).held == 1)
    }

    @Test func whatAModeHeldBackGoesWithIt() {
        setEntry(0, data: 0x41, masked: true)
        write(Self.msix + 2, 0x8000, 2)
        raise(1)
        write(Self.msix + 2, 0, 2)
        write(Self.msix + 2, 0x8000, 2)
        #expect(function.readBAR(1, offset: 0x800, width: 8) == 0)
    }

    @Test func decodersFollowTheCommandRegister() {
        #expect(function.decodedBARs().map(\.bar.index) == [0, 1])
        var remaps = 0
        func command(_ command: Command) {
            function.writeConfig(ConfigRegister.command, UInt32(command.rawValue), width: 2) { remaps += 1 }
        }
        command([.busMaster])
        #expect(function.decodedBARs().isEmpty)
        #expect(remaps == 1)
        command([.memorySpace])
        #expect(function.decodedBARs().count == 2)
        #expect(remaps == 2)
        command([.memorySpace, .busMaster])
        #expect(remaps == 2)
    }

    @Test func aPostMortemHasWhatPends() {
        setEntry(2, data: 0x41, masked: true)
        write(Self.msix + 2, 0x8000, 2)
        raise(1 << 2)
        let state = function.interruptState
        #expect(state.address == "test function in slot 5")
        #expect(state.mode == "MSI-X")
        #expect(state.vectors == [.init(number: 2, isMasked: true, isPending: true, guestVector: 0x41)])
    }

    @Test func anyAccessLeavesItWhole() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let (width, value) = (
                [1, 2, 4, 8].randomElement(using: &random) ?? 1, UInt64.random(in: 0...UInt64.max, using: &random)
            )
            let offset = UInt64.random(in: 0..<4096, using: &random)
            switch UInt8.random(in: 0..<4, using: &random) {
            case 0: function.writeBAR(Int(offset & 1), offset: offset, value, width: width)
            case 1: _ = function.readBAR(Int(offset & 1), offset: offset, width: width)
            case 2: write(Int(offset & 0xFC), UInt32(truncatingIfNeeded: value), min(width, 4))
            default: _ = read(Int(offset & 0xFC), min(width, 4))
            }
        }
        // The identification is fixed, and so is what the function is.
        #expect(function.readBAR(0, offset: 0, width: 4) == 0x7473_6574)
        #expect(read(0, 4) == 0x5446_1234)
        #expect(function.interruptReport.messages.allSatisfy { $0.counts?.failed == 0 })
    }
}
