import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import KVM

/// What KVM keeps of a machine, copied out and put into a new one.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct StateTests {
    /// A machine with one vCPU, its local APIC on and its timer in deadline mode.
    private struct Machine {
        let vm: VirtualMachine
        let vcpu: VirtualCPU

        init(_ hypervisor: borrowing Hypervisor) throws {
            vm = try hypervisor.makeVirtualMachine()
            try vm.makeIRQChip()
            try vm.makePIT()
            vcpu = try vm.makeVirtualCPU(0)
            try vcpu.setCPUID(CPUModel.host.applied(to: hypervisor.supportedCPUID().forVCPU(apicID: 0, count: 1)))
        }

        /// Spurious-interrupt vector register: the APIC is on. LVT timer: deadline mode, vector 0x40. Intel SDM volume
        /// 3A, 11.5.4 and 11.9.
        func switchTimerOn() throws {
            var page = try vcpu.localAPIC()
            page.withUnsafeMutableBytes { bytes in
                bytes.storeBytes(of: UInt32(0x1FF), toByteOffset: 0xF0, as: UInt32.self)
                bytes.storeBytes(of: UInt32(2 << 17 | 0x40), toByteOffset: 0x320, as: UInt32.self)
            }
            try vcpu.setLocalAPIC(page)
        }
    }

    /// Registers that count time: the timestamp counter, and Hyper-V's reference counter and run time of a processor.
    private static let clocks: Set<UInt32> = [MSR.tsc, 0x4000_0020, 0x4000_0010]

    /// The chips without requests of the PIT, which goes on: IRQ 0 of the first PIC, pins 0 and 2 of the I/O APIC.
    /// Behind the chip's number and padding lie `struct kvm_pic_state` and `struct kvm_ioapic_state`.
    private static func withoutTimer(_ chips: [[UInt8]]) -> [[UInt8]] {
        var chips = chips
        for offset in [8, 9] { chips[0][offset] &= ~1 }
        chips[2][8 + 16] &= ~0b101
        return chips
    }

    private static let deadline: UInt64 = 0x7000_0000_0000_0000

    /// A machine with something to keep in all of its parts.
    private func armed(_ hypervisor: borrowing Hypervisor) throws -> Machine {
        let machine = try Machine(hypervisor)
        try machine.switchTimerOn()
        try #require(try machine.vcpu.setMSRs([MSR(index: MSR.tscDeadline, value: Self.deadline)]) == 1)
        try #require(try machine.vcpu.msr(MSR.tscDeadline) == Self.deadline)
        var registers = try machine.vcpu.registers()
        (registers.rbx, registers.r15, registers.rip) = (0x1122_3344_5566_7788, 15, 0x1234)
        try machine.vcpu.setRegisters(registers)
        _ = try machine.vcpu.setMSRs([MSR(index: 0x2FF, value: 0x806), MSR(index: 0x277, value: 0x0007_0406_0007_0406)])
        try machine.vm.setPIC(0, base: 0x30, mask: 0xB8)
        try machine.vm.startFirmwareTimer()
        try machine.vm.setLine(17, true)
        return machine
    }

    @Test func aNewMachineIsAsTheOldOneWas() throws {
        let hypervisor = try Hypervisor()
        let indices = try hypervisor.msrIndices()
        #expect(indices.contains(0xC000_0081))
        #expect(indices.last == MSR.tscDeadline)
        let old = try armed(hypervisor)
        let saved = (vm: try old.vm.state(), vcpu: try old.vcpu.state(msrs: indices, xsaveSize: old.vm.xsaveSize))
        for _ in 0..<100 {
            let new = try Machine(hypervisor)
            try new.vm.restore(saved.vm)
            let refused = try new.vcpu.restore(saved.vcpu)
            let restored = try new.vcpu.state(msrs: indices, xsaveSize: new.vm.xsaveSize)
            #expect(refused == [])
            #expect(try new.vcpu.msr(MSR.tscDeadline) == Self.deadline)
            // Time goes on; all else is the same.
            #expect(restored.msrs.map(\.index) == saved.vcpu.msrs.map(\.index))
            for (now, then) in zip(restored.msrs, saved.vcpu.msrs) where !Self.clocks.contains(now.index) {
                #expect(now == then, "MSR 0x\(String(now.index, radix: 16))")
            }
            var same = restored
            same.msrs = saved.vcpu.msrs
            #expect(same == saved.vcpu)
            let vm = try new.vm.state()
            #expect(Self.withoutTimer(vm.irqchips) == Self.withoutTimer(saved.vm.irqchips))
            #expect(vm.clock >= saved.vm.clock)
            #expect(vm.clock - saved.vm.clock < 5_000_000_000)
        }
    }

    /// KVM drops a deadline that comes before the local APIC's timer mode, and says that it took it.
    @Test("with MSRs before the local APIC the TSC deadline is lost")
    func msrOrder() throws {
        let hypervisor = try Hypervisor()
        let old = try armed(hypervisor)
        let saved = try old.vcpu.state(msrs: hypervisor.msrIndices(), xsaveSize: old.vm.xsaveSize)
        let new = try Machine(hypervisor)
        try new.vcpu.restoreUntilAPIC(saved)
        #expect(try new.vcpu.restore(saved.msrs) == [])
        try new.vcpu.setLocalAPIC(saved.localAPIC)
        try new.vcpu.restoreEvents(saved)
        #expect(try new.vcpu.msr(MSR.tscDeadline) == 0)
    }

    @Test func whatKVMRefusesIsNamedAndTheRestIsTaken() throws {
        let hypervisor = try Hypervisor()
        let old = try armed(hypervisor)
        var saved = try old.vcpu.state(msrs: hypervisor.msrIndices(), xsaveSize: old.vm.xsaveSize)
        let unknown = MSR(index: 0xDEAD_0000, value: 1)
        saved.msrs.insert(unknown, at: 0)
        let new = try Machine(hypervisor)
        #expect(try new.vcpu.restore(saved) == [unknown])
        #expect(try new.vcpu.msr(0x277) == 0x0007_0406_0007_0406)
    }

    /// A guest that counts goes on counting in another machine, in the middle of an access.
    @Test func aGuestGoesOnInANewMachine() throws {
        // mov cx, 0; again: inc cx; mov ax, cx; out 0xf4, ax; jmp again
        let code: [UInt8] = [0xB9, 0x00, 0x00, 0x41, 0x89, 0xC8, 0xE7, 0xF4, 0xEB, 0xF9]
        var guest = try RealModeGuest(code, irqchip: true)
        let indices = try Hypervisor().msrIndices()
        for round in 1...UInt32(100) {
            #expect(guest.enter() == .portOut(port: 0xF4, size: 2, count: 1))
            #expect(guest.vcpu.portValue(0, size: 2) == round)
            // The kernel finishes the access before the guest is copied.
            guest.vcpu.requestExit()
            #expect(guest.vcpu.enter() == .interrupted)
            let state = try guest.vcpu.state(msrs: indices, xsaveSize: VirtualCPU.legacyXSAVESize)
            let next = try RealModeGuest(code, irqchip: true)
            try next.vcpu.restore(state)
            guest = next
        }
    }
}
