import KVM
import TestSupport
import Testing

@testable import KVM
@testable import VMM

/// Guests that go on in a new machine, with the state of the one before, on this host's KVM.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct MachineStateTests {
    /// The guest fails where either timer's interrupt stays away. It moves when it has measured its clocks: KVM's PIT
    /// counts anew in a new machine.
    @Test func timersSurviveAHundredCopies() throws {
        var run = try CopiedRun("timers.elf", "deadlines=1000")
        let outcome = try run.run(movingEvery: 10_000, after: "started", atMost: 100)
        #expect(run.copies == 100, "\(run.console)")
        #expect(outcome == .exitPort(0), "\(run.console)")
        #expect(run.console.contains(" ticks PASS"), "\(run.console)")
    }

    /// KVM drops a TSC deadline that comes before the local APIC's timer mode, and says that it took it.
    @Test func withMSRsBeforeTheLocalAPICTheDeadlineIsLost() throws {
        var run = try CopiedRun("timers.elf", "deadlines=1000")
        let outcome = try run.run(movingEvery: 10_000, after: "started", atMost: 100) { machine, state in
            try machine.restoreUntilVCPUs(state)
            for (vcpu, saved) in zip(machine.vcpus, state.vcpus) {
                try vcpu.restoreUntilAPIC(saved)
                _ = try vcpu.restore(saved.msrs)
                try vcpu.setLocalAPIC(saved.localAPIC)
                try vcpu.restoreEvents(saved)
            }
        }
        #expect(outcome == .exitPort(1))
        #expect(run.console.contains("the TSC deadline passed and its interrupt stays away"), "\(run.console)")
    }

    /// The guests' own tests fail where an access is lost or made twice, or a device forgets what was written to it.
    @Test(arguments: [
        ("pci.elf", "test=agreement,address-latch,odd-accesses,bar-sizes,bar-move,decode-off"),
        // Not its periodic interrupt: the clock's time goes on with the host's while the guest's others stand still.
        ("chipset.elf", "test=keyboard,a20,memory-size,post"), ("board.elf", "memory=8"),
    ])
    func devicesKeepWhatTheyWereTold(guest: String, append: String) throws {
        var run = try CopiedRun(guest, append) { [3: InterruptTestFunction()] }
        let outcome = try run.run(movingEvery: 10_000)
        #expect(outcome == .exitPort(0), "\(run.console)")
        #expect(run.copies > 0)
    }

    @Test func messagesAreNeitherLostNorSentTwice() throws {
        let claims = "masked-msix,masked-msix-unused,function-mask,msix-retarget,msi-blocked"
        var run = try CopiedRun("intx.elf", "test=\(claims) require=\(claims)") { [3: InterruptTestFunction()] }
        let outcome = try run.run(movingEvery: 30_000)
        #expect(outcome == .exitPort(0), "\(run.console)")
        #expect(run.console.contains("intx: 5/5 PASS"), "\(run.console)")
        #expect(run.copies > 2)
    }

    /// Two functions on one line, each claim about masking among them. `make test-labs` has such a host.
    @Test(.enabled(if: HostKVM.hasHardwareVirtualization, "the host lacks hardware virtualization"))
    func linesStayUpOrDown() throws {
        var run = try CopiedRun("intx.elf", "") { [5: InterruptTestFunction(), 13: InterruptTestFunction()] }
        let outcome = try run.run(movingEvery: 30_000)
        #expect(outcome == .exitPort(0), "\(run.console)")
        #expect(run.console.contains("intx: shared-line ok"), "\(run.console)")
        #expect(run.copies > 2)
    }

    @Test func severalProcessorsMoveTogether() throws {
        var run = try CopiedRun("smp.elf", "cpus=4", cpus: 4)
        let outcome = try run.run(movingEvery: 20_000)
        #expect(outcome == .exitPort(0), "\(run.console)")
        #expect(run.copies > 0)
    }

    @Test func aRunningMachineIsNotCopied() throws {
        let run = try CopiedRun("hello.elf", "")
        let machine = try run.machine()
        let state = try machine.save(on: run.hypervisor)
        let other = try Machine(MachineConfiguration(memory: 32 << 20), on: run.hypervisor)
        #expect(throws: StateError.self) { try other.restore(state) }
        let smp = try CopiedRun("hello.elf", "", cpus: 2)
        let two = try smp.machine()
        #expect(throws: StateError.self) { try two.restore(state) }
    }
}
