import CLinux
import Glibc
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import KVM

/// Interrupts of the in-kernel irqchip, as far as they can be seen without a guest that takes them.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct InterruptTests {
    private func machine(irqchip: Bool = true) throws -> VirtualMachine {
        let vm = try Hypervisor().makeVirtualMachine()
        if irqchip { try vm.makeIRQChip() }
        return vm
    }

    /// `struct kvm_irqchip`: 0 the master PIC, 1 the slave, 2 the IOAPIC.
    private func chip(_ number: UInt32, of vm: VirtualMachine) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 520)
        bytes[0] = UInt8(number)
        let answer = bytes.withUnsafeMutableBytes { cl_ioctl(vm.raw, CL_KVM_GET_IRQCHIP, $0.baseAddress) }
        #expect(answer == 0)
        return Array(bytes[8...])
    }

    /// Which pins of PIC and IOAPIC see a GSI: `irr` of struct kvm_pic_state and of struct kvm_ioapic_state.
    private func pins(_ vm: VirtualMachine) -> [UInt32] {
        let ioapic = chip(2, of: vm)
        let irr = (0..<4).reduce(UInt32(0)) { $0 | UInt32(ioapic[16 + $1]) << UInt32(8 * $1) }
        return [UInt32(chip(0, of: vm)[1]), UInt32(chip(1, of: vm)[1]), irr]
    }

    /// A guest finds every line where the firmware's tables say: the timer at pin 2 of the IOAPIC, all others at the
    /// pin of their number.
    @Test(arguments: UInt32(0)..<24)
    func linesLeadToTheirPins(gsi: UInt32) throws {
        for hasMessage in [false, true] {
            let vm = try machine()
            var routing = IRQRouting()
            if hasMessage { #expect(routing.add(MSIMessage(address: 0xFEE0_0000, data: 0x41)) != nil) }
            try vm.setRouting(routing)
            let quiet = pins(vm)
            try vm.setLine(gsi, true)
            let raised = pins(vm)
            // The slave PIC asks through the master's pin 2.
            #expect(raised[0] ^ quiet[0] == (gsi < 8 ? 1 << gsi : gsi < 16 ? 1 << 2 : 0), "message: \(hasMessage)")
            #expect(raised[1] ^ quiet[1] == (gsi >= 8 && gsi < 16 ? 1 << (gsi - 8) : 0), "message: \(hasMessage)")
            #expect(raised[2] ^ quiet[2] == (gsi == 0 ? 1 << 2 : gsi == 2 ? 0 : 1 << gsi), "message: \(hasMessage)")
        }
    }

    /// The answers of KVM_SIGNAL_MSI; Documentation/virt/kvm/api.rst 4.70.
    @Test func aMessageIsDeliveredBlockedOrRefused() throws {
        let message = MSIMessage(address: 0xFEE0_0000, data: 0x4041)
        let bare = try machine(irqchip: false)
        #expect(throws: KVMError.self) { _ = try bare.signal(message) }

        let vm = try machine()
        let vcpu = try vm.makeVirtualCPU(0)
        var page = try vcpu.localAPIC()
        // Spurious vector register: bit 8 switches the local APIC on.
        page[0xF1] &= 0xFE
        try vcpu.setLocalAPIC(page)
        #expect(try vm.signal(message) == .blocked)
        page[0xF1] |= 1
        try vcpu.setLocalAPIC(page)
        #expect(try vm.signal(message) == .delivered)
        #expect(try vcpu.localAPIC()[0x220] == 0x02, "vector 0x41 is requested")
        #expect(try vm.signal(MSIMessage(address: 0xFEE0_5000, data: 0x41)) == .blocked, "nobody has APIC id 5")
    }

    @Test func anIRQFDDeliversItsMessage() throws {
        let vm = try machine()
        let vcpu = try vm.makeVirtualCPU(0)
        var page = try vcpu.localAPIC()
        page[0xF1] |= 1
        try vcpu.setLocalAPIC(page)
        var routing = IRQRouting()
        let added = routing.add(MSIMessage(address: 0xFEE0_0000, data: 0x52))
        let gsi = try #require(added)
        try vm.setRouting(routing)
        let event = try EventDescriptor("a device")
        try vm.attachIRQFD(gsi, event: event.raw)
        event.signal()
        #expect(try vcpu.localAPIC()[0x222] == 0x04, "vector 0x52 is requested")
        #expect(event.readCount() == 0, "the kernel took it")
        try vm.detachIRQFD(gsi, event: event.raw)
        event.signal()
        #expect(event.readCount() == 1, "and takes no more")
        #expect(throws: KVMError.self) { try vm.attachIRQFD(4090, event: 9999) }
    }

    /// The statement InterruptLine stands on: a line raised by a resampling irqfd goes down when the last one goes.
    @Test func theLastResamplingIRQFDTakesItsLineDown() throws {
        let vm = try machine()
        let trigger = try EventDescriptor("trigger")
        let resample = try EventDescriptor("resample")
        let other = try EventDescriptor("other")
        let otherResample = try EventDescriptor("other's resample")
        let quiet = pins(vm)
        try vm.attachIRQFD(18, event: trigger.raw, resample: resample.raw)
        try vm.attachIRQFD(18, event: other.raw, resample: otherResample.raw)
        trigger.signal()
        // A level is raised by a worker of the kernel.
        #expect(eventually { pins(vm)[2] ^ quiet[2] == 1 << 18 })
        try vm.detachIRQFD(18, event: trigger.raw, resample: resample.raw)
        #expect(pins(vm)[2] ^ quiet[2] == 1 << 18, "still up: the other might be the one")
        try vm.detachIRQFD(18, event: other.raw, resample: otherResample.raw)
        #expect(pins(vm)[2] ^ quiet[2] == 0)
    }

    @Test func anIOEventFDSavesTheExit() throws {
        // mov al, 1; out 0x80, al; out 0x81, al
        let guest = try RealModeGuest([0xB0, 0x01, 0xE6, 0x80, 0xE6, 0x81], irqchip: true)
        let event = try EventDescriptor("a doorbell")
        try guest.vm.attachIOEventFD(address: 0x80, port: true, length: 1, event: event.raw)
        #expect(guest.enter() == .portOut(port: 0x81, size: 1, count: 1))
        #expect(event.readCount() == 1)
        try guest.vm.attachIOEventFD(address: 0x80, port: true, length: 1, event: event.raw, detach: true)
        #expect(throws: KVMError.self) {
            try guest.vm.attachIOEventFD(address: 0x80, port: true, length: 1, event: event.raw, detach: true)
        }
    }

    @Test func deviceControlKnowsWhatThisKernelHas() throws {
        let vm = try machine()
        #expect(!vm.canMakeDevice(.xive), "POWER's interrupt controller on x86")
        guard vm.canMakeDevice(.vfio) else { return }
        let device = try vm.makeDevice(.vfio)
        let answers = (device.has(group: 1, attribute: 1), device.has(group: 77, attribute: 1))
        #expect(answers == (true, false))
        #expect(throws: KVMError.self) { _ = try vm.makeDevice(.vfio) }
        #expect(throws: KVMError.self) { try device.set(group: 1, attribute: 1, Int32(-1)) }
    }
}
