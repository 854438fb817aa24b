import CLinux
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import KVM
@testable import VMM

/// The halted vCPUs that no interrupt wakes. KVM sets bits like CR4.VMXE only where it can nest, so a kernel of the
/// test's own answers.
struct SleepTests {
    /// A vCPU's state, as the kernel tells it.
    private struct State {
        var activity = UInt32(KVM_MP_STATE_HALTED)
        var general = kvm_regs()
        var special = kvm_sregs()
        var apic = [UInt8](repeating: 0, count: 1024)
        /// The call that fails.
        var failing = ""

        init() {
            general.rflags = 0x2
            // Enabled, all its local vectors masked.
            put(0x1FF, at: 0xF0)
            for vector in [0x320, 0x350, 0x360, 0x370] { put(0x1_0000, at: vector) }
        }

        mutating func put(_ value: UInt32, at register: Int) {
            for byte in 0..<4 { apic[register + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
        }
    }

    private final class StateInterface: KernelInterface, @unchecked Sendable {
        // @unchecked: the state is constant.
        private let state: State

        init(_ state: State) {
            self.state = state
            super.init()
        }

        override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
            -> Int32
        {
            let name = "\(request.name)"
            if name == state.failing { return -22 }
            switch name {
            case "KVM_GET_MP_STATE": argument.storeBytes(of: state.activity, as: UInt32.self)
            case "KVM_GET_REGS": argument.storeBytes(of: state.general, as: kvm_regs.self)
            case "KVM_GET_SREGS": argument.storeBytes(of: state.special, as: kvm_sregs.self)
            case "KVM_GET_LAPIC": argument.copyBytes(from: state.apic)
            default: Issue.record("\(name)")
            }
            return 0
        }
    }

    private func sleepsForGood(_ change: (inout State) -> Void = { _ in }) throws -> Bool {
        var state = State()
        change(&state)
        let directory = try TemporaryDirectory()
        let page = try directory.file("vcpu", [UInt8](repeating: 0, count: 4096))
        let descriptor = try Descriptor(opening: page, kernel: StateInterface(state))
        return try VirtualCPU(descriptor, number: 0, mapSize: 4096).sleepsForGood
    }

    @Test func haltedWithInterruptsOffIsForGood() throws {
        #expect(try sleepsForGood())
        #expect(try !sleepsForGood { $0.general.rflags |= 1 << 9 })
        #expect(try sleepsForGood { $0.general.rflags = ~(1 << 9) })
    }

    @Test func whatWasNeverStartedWaitsForGood() throws {
        for activity in [KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED] {
            #expect(
                try sleepsForGood {
                    $0.activity = UInt32(activity)
                    $0.general.rflags |= 1 << 9
                })
        }
        for activity in [KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_SIPI_RECEIVED, 99] {
            #expect(try !sleepsForGood { $0.activity = UInt32(activity) })
        }
    }

    /// With guests of its own the interrupt flag is not all there is to it: CR4.VMXE (bit 13), EFER.SVME (bit 12).
    @Test func aGuestThatRunsGuestsIsLeftAlone() throws {
        #expect(try !sleepsForGood { $0.special.cr4 = 1 << 13 })
        #expect(try !sleepsForGood { $0.special.efer = 1 << 12 })
        #expect(try !sleepsForGood { ($0.special.cr4, $0.special.efer) = (1 << 13, 1 << 12) })
        #expect(try sleepsForGood { ($0.special.cr4, $0.special.efer) = (~(1 << 13), ~(1 << 12)) })
    }

    @Test func whoeverTakesItsTicksAsNMIsIsNotAsleep() throws {
        // LINT0: not masked, delivered as an NMI; Intel SDM volume 3, figure 11-8.
        #expect(try !sleepsForGood { $0.put(0x400, at: 0x350) })
        #expect(try sleepsForGood { $0.put(0x1_0400, at: 0x350) })
    }

    @Test(arguments: ["KVM_GET_MP_STATE", "KVM_GET_REGS", "KVM_GET_SREGS", "KVM_GET_LAPIC"])
    func whereTheKernelWontSayItIsNotAsleep(call: String) throws {
        #expect(try !sleepsForGood { $0.failing = call })
    }
}
