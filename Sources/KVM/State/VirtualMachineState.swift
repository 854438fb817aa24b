import CLinux
import LinuxSystem

/// The state of a virtual machine in KVM besides its vCPUs and memory, as a value: interrupt controllers, timer and
/// clock.
public struct VirtualMachineState: Sendable, Equatable {
    /// `struct kvm_irqchip` of the first PIC, the second one, and the I/O APIC.
    var irqchips: [[UInt8]]
    /// `struct kvm_pit_state2`.
    var timer: [UInt8]
    /// Nanoseconds of the KVM clock.
    public internal(set) var clock: UInt64
}

extension VirtualMachine {
    /// Bytes of a vCPU's XSAVE area. KVM_CHECK_EXTENSION of KVM_CAP_XSAVE2, api.rst 4.42.
    public var xsaveSize: Int { max(check(.xsave2), VirtualCPU.legacyXSAVESize) }

    /// Copies the machine's state. All vCPUs must stand outside the guest, and no thread may raise interrupts.
    public func state() throws(KVMError) -> VirtualMachineState {
        try KVMError.catching { () throws(SystemCallError) in
            var timer = [UInt8](repeating: 0, count: MemoryLayout<kvm_pit_state2>.size)
            try descriptor.ioctl(.getPIT2, bytes: &timer)
            var clock = kvm_clock_data()
            try descriptor.ioctl(.getClock, &clock)
            var irqchips: [[UInt8]] = []
            for number: UInt8 in 0..<3 {
                // struct kvm_irqchip: the chip's number, padding, 512 bytes for any chip.
                var chip = [UInt8](repeating: 0, count: 520)
                chip[0] = number
                try descriptor.ioctl(.getIRQChip, bytes: &chip)
                irqchips.append(chip)
            }
            return VirtualMachineState(irqchips: irqchips, timer: timer, clock: clock.clock)
        }
    }

    /// Restores a state into this machine, which has interrupt controllers and a timer. Comes before the state of its
    /// vCPUs: none may run before the clock is set.
    ///
    /// The PIT's channels begin their count anew: KVM puts no counter back (arch/x86/kvm/i8254.c,
    /// kvm_vm_ioctl_set_pit2). A guest that measures another clock by the PIT at this moment measures wrong.
    public func restore(_ state: VirtualMachineState) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var timer = state.timer
            try descriptor.ioctl(.setPIT2, bytes: &timer)
            // Without flags the clock continues from this value: time that passed on the host meanwhile does not pass
            // for the guest.
            var clock = kvm_clock_data()
            clock.clock = state.clock
            try descriptor.ioctl(.setClock, &clock)
            for chip in state.irqchips {
                var chip = chip
                try descriptor.ioctl(.setIRQChip, bytes: &chip)
            }
        }
    }
}
