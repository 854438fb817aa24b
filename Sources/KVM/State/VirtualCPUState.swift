import CLinux
import Glibc
import LinuxSystem

/// All of a vCPU that KVM keeps, as a value: copied out of a vCPU that stands outside the guest, and put into one of a
/// new machine.
///
/// Not in it: what a guest's own virtual machines need (KVM_GET_NESTED_STATE).
public struct VirtualCPUState: Sendable, Equatable {
    /// KVM_MP_STATE_RUNNABLE and its like.
    var activity: UInt32
    /// `struct kvm_regs`, `kvm_sregs`, `kvm_debugregs` and `kvm_vcpu_events`, byte for byte.
    var registers: [UInt8]
    var specialRegisters: [UInt8]
    var debugRegisters: [UInt8]
    var events: [UInt8]
    /// The XSAVE area, 4096 bytes or more.
    var xsave: [UInt8]
    /// `struct kvm_xcrs`; empty where the processor has no XSAVE.
    var extendedControlRegisters: [UInt8]
    /// The local APIC's page.
    public internal(set) var localAPIC: [UInt8]
    /// Of the timestamp counter, in kHz; 0 where KVM does not tell.
    var tscFrequency: UInt32
    /// In the order in which they are put back: the TSC deadline last.
    public internal(set) var msrs: [MSR]
}

extension VirtualCPU {
    /// Copies the vCPU's state out. Its thread stands outside the guest, with no access half done (`requestExit` and
    /// one `enter`).
    ///
    /// In an order of its own: reading whether it runs may take in a start-up interrupt, which changes the local APIC;
    /// events are read last, since other calls may change them (Firecracker and Cloud Hypervisor have the same order).
    /// - Parameters:
    ///   - msrs: those that this host's KVM keeps: `Hypervisor.msrIndices`.
    ///   - xsaveSize: bytes: `VirtualMachine.xsaveSize`.
    public func state(msrs indices: [UInt32], xsaveSize: Int) throws(KVMError) -> VirtualCPUState {
        let activity = try activity()
        let registers = try structure(.getRegisters, count: MemoryLayout<kvm_regs>.size)
        let special = try structure(.getSpecialRegisters, count: MemoryLayout<kvm_sregs>.size)
        let xsave = try structure(
            xsaveSize > Self.legacyXSAVESize ? .getXSAVE2 : .getXSAVE, count: max(xsaveSize, Self.legacyXSAVESize))
        let xcrs = hasXSAVE ? try structure(.getXCRS, count: MemoryLayout<kvm_xcrs>.size) : []
        let debug = try structure(.getDebugRegisters, count: MemoryLayout<kvm_debugregs>.size)
        let localAPIC = try localAPIC()
        let frequency = try? KVMError.catching { () throws(SystemCallError) in try descriptor.ioctl(.getTSCFrequency) }
        let values = try msrs(indices)
        let events = try structure(.getVCPUEvents, count: MemoryLayout<kvm_vcpu_events>.size)
        return VirtualCPUState(
            activity: activity, registers: registers, specialRegisters: special, debugRegisters: debug, events: events,
            xsave: xsave,
            extendedControlRegisters: xcrs, localAPIC: localAPIC, tscFrequency: UInt32(max(frequency ?? 0, 0)),
            msrs: values)
    }

    /// Puts a state into this vCPU, which has the CPUID of the one it comes from and has not run. Memory and the
    /// machine's own state come first.
    ///
    /// The order matters. Registers clear a pending exception, so events come last. The local APIC's page follows the
    /// special registers, which hold its base. Model-specific registers follow the local APIC: KVM drops a TSC deadline
    /// while the timer is not in deadline mode, and says that it took it.
    /// - Returns: model-specific registers that KVM does not take back, as those that can only be read.
    @discardableResult
    public func restore(_ state: VirtualCPUState) throws(KVMError) -> [MSR] {
        try restoreUntilAPIC(state)
        try setLocalAPIC(state.localAPIC)
        let refused = try restore(state.msrs)
        try restoreEvents(state)
        return refused
    }

    /// What comes before the local APIC.
    func restoreUntilAPIC(_ state: VirtualCPUState) throws(KVMError) {
        try put(.setMPState, withUnsafeBytes(of: state.activity) { Array($0) })
        try put(.setRegisters, state.registers)
        try put(.setSpecialRegisters, state.specialRegisters)
        try put(.setXSAVE, state.xsave)
        if !state.extendedControlRegisters.isEmpty { try put(.setXCRS, state.extendedControlRegisters) }
        try put(.setDebugRegisters, state.debugRegisters)
        try restoreFrequency(state.tscFrequency)
    }

    /// What comes behind the model-specific registers.
    func restoreEvents(_ state: VirtualCPUState) throws(KVMError) {
        try put(.setVCPUEvents, state.events)
        // Tells the guest's watchdog that it stood still; refused (EINVAL) where the guest has no KVM clock, api.rst
        // 4.68.
        _ = try? KVMError.catching { () throws(SystemCallError) in try descriptor.ioctl(.kvmclockControl) }
    }

    /// - Returns: those that KVM refused.
    func restore(_ msrs: [MSR]) throws(KVMError) -> [MSR] {
        var refused: [MSR] = []
        var rest = msrs[...]
        // KVM stops at the first one that it refuses, and says how many it took.
        while !rest.isEmpty {
            rest = rest.dropFirst(try setMSRs(Array(rest)))
            if let first = rest.popFirst() { refused.append(first) }
        }
        return refused
    }

    /// The area that KVM_GET_XSAVE fills; api.rst 4.42.
    static let legacyXSAVESize = 4096

    private func restoreFrequency(_ frequency: UInt32) throws(KVMError) {
        guard frequency > 0 else { return }
        try KVMError.catching { () throws(SystemCallError) in
            // A processor without TSC scaling takes no other than its own.
            guard try UInt32(descriptor.ioctl(.getTSCFrequency)) != frequency else { return }
            try descriptor.ioctl(.setTSCFrequency, value: UInt(frequency))
        }
    }

    /// Whether the guest's processor has extended control registers: CR4.OSXSAVE can't be set without.
    private var hasXSAVE: Bool {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<kvm_xcrs>.size)
        guard (try? descriptor.ioctl(.getXCRS, bytes: &bytes)) != nil else { return false }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) } > 0
    }

    private func structure(_ request: IoctlRequest, count: Int) throws(KVMError) -> [UInt8] {
        try KVMError.catching { () throws(SystemCallError) in
            var bytes = [UInt8](repeating: 0, count: count)
            try descriptor.ioctl(request, bytes: &bytes)
            return bytes
        }
    }

    private func put(_ request: IoctlRequest, _ bytes: [UInt8]) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var bytes = bytes
            try descriptor.ioctl(request, bytes: &bytes)
        }
    }
}
