import CLinux
import Glibc
import LinuxSystem

/// The state of a vCPU in KVM, as a value: copied from a vCPU that stands outside the guest, and restored into one of a
/// new machine.
///
/// It does not include the state of a guest's own virtual machines (KVM_GET_NESTED_STATE).
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
    /// `struct kvm_xcrs`; empty if the processor has no XSAVE.
    var extendedControlRegisters: [UInt8]
    /// The local APIC's page.
    public internal(set) var localAPIC: [UInt8]
    /// The frequency of the timestamp counter in kHz; 0 if KVM does not report it.
    var tscFrequency: UInt32
    /// The registers in the order in which they are restored: the TSC deadline last.
    public internal(set) var msrs: [MSR]
}

extension VirtualCPU {
    /// Copies the vCPU's state. Its thread must stand outside the guest, with no access half done (`requestExit` and
    /// one `enter`).
    ///
    /// The order matters: reading the activity may process a start-up interrupt, which changes the local APIC; events
    /// are read last, since other calls may change them (Firecracker and Cloud Hypervisor have the same order).
    /// - Parameters:
    ///   - msrs: the registers that this host's KVM stores: `Hypervisor.msrIndices`.
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

    /// Restores a state into this vCPU, which has the same CPUID and has not run yet. Memory and the machine's own
    /// state must be restored first.
    ///
    /// The order matters. Writing registers clears a pending exception, so events come last. The local APIC's page
    /// follows the special registers, which hold its base. Model-specific registers follow the local APIC: while the
    /// timer is not in deadline mode, KVM drops a TSC deadline and still reports success.
    /// - Returns: model-specific registers that KVM refuses, such as read-only ones.
    @discardableResult
    public func restore(_ state: VirtualCPUState) throws(KVMError) -> [MSR] {
        try restoreUntilAPIC(state)
        try setLocalAPIC(state.localAPIC)
        let refused = try restore(state.msrs)
        try restoreEvents(state)
        return refused
    }

    /// Restores the state that precedes the local APIC.
    func restoreUntilAPIC(_ state: VirtualCPUState) throws(KVMError) {
        try put(.setMPState, withUnsafeBytes(of: state.activity) { Array($0) })
        try put(.setRegisters, state.registers)
        try put(.setSpecialRegisters, state.specialRegisters)
        try put(.setXSAVE, state.xsave)
        if !state.extendedControlRegisters.isEmpty { try put(.setXCRS, state.extendedControlRegisters) }
        try put(.setDebugRegisters, state.debugRegisters)
        try restoreFrequency(state.tscFrequency)
        try separateCounter(state)
    }

    /// Restores the state that follows the model-specific registers.
    func restoreEvents(_ state: VirtualCPUState) throws(KVMError) {
        try put(.setVCPUEvents, state.events)
        // Tells the guest's watchdog about the pause; fails (EINVAL) if the guest has no KVM clock, api.rst 4.68.
        _ = try? KVMError.catching { () throws(SystemCallError) in try descriptor.ioctl(.kvmclockControl) }
    }

    /// - Returns: the registers that KVM refused.
    func restore(_ msrs: [MSR]) throws(KVMError) -> [MSR] {
        var refused: [MSR] = []
        var rest = msrs[...]
        // KVM stops at the first register that it refuses, and returns the number of those it set.
        while !rest.isEmpty {
            rest = rest.dropFirst(try setMSRs(Array(rest)))
            if let first = rest.popFirst() { refused.append(first) }
        }
        return refused
    }

    /// The size of KVM_GET_XSAVE's area; api.rst 4.42.
    static let legacyXSAVESize = 4096

    /// Writes a timestamp counter far from the one that follows.
    ///
    /// KVM takes a value within a second of another vCPU's, or of a new machine's zero, for an attempt to synchronize
    /// the two, and ignores it (arch/x86/kvm/x86.c, kvm_synchronize_tsc). The first vCPU's counter must be as it was;
    /// the others are synchronized with it.
    private func separateCounter(_ state: VirtualCPUState) throws(KVMError) {
        guard number == 0, let counter = state.msrs.first(where: { $0.index == MSR.tsc }) else { return }
        // An hour at 4 GHz.
        _ = try setMSRs([MSR(index: MSR.tsc, value: counter.value &+ 3600 * 4_000_000_000)])
    }

    private func restoreFrequency(_ frequency: UInt32) throws(KVMError) {
        guard frequency > 0 else { return }
        try KVMError.catching { () throws(SystemCallError) in
            // A processor without TSC scaling accepts only its own frequency.
            guard try UInt32(descriptor.ioctl(.getTSCFrequency)) != frequency else { return }
            try descriptor.ioctl(.setTSCFrequency, value: UInt(frequency))
        }
    }

    /// True if the guest's processor has extended control registers: it requires them to set CR4.OSXSAVE.
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
