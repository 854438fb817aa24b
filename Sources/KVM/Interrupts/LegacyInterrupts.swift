import CLinux
import LinuxSystem

extension VirtualMachine {
    /// A mask without line 2 of the first PIC, which cascades the second.
    private static let cascadedLines: UInt8 = 0xDE

    /// Initializes one of the two PICs as the guest's initialization words would: no line requested or in service, all
    /// edge-triggered. KVM_SET_IRQCHIP, api.rst 4.27.
    /// - Parameters:
    ///   - number: 0 for the first, 1 for the second.
    ///   - base: the vector of its first line, a multiple of 8.
    ///   - mask: a bit for each masked line.
    public func setPIC(_ number: UInt8, base: UInt8, mask: UInt8) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            // struct kvm_irqchip: the chip's number, padding, and here struct kvm_pic_state.
            var chip = [UInt8](repeating: 0, count: 520)
            chip[0] = number
            chip[8 + 2] = mask
            chip[8 + 5] = base
            // elcr_mask: the lines that the guest can set to level-triggered.
            chip[8 + 15] = number == 0 ? 0xF8 : Self.cascadedLines
            try descriptor.ioctl(.setIRQChip, bytes: &chip)
        }
    }

    /// Starts the timer's first channel, which counts down from 65536 18.2 times a second, as a PC's firmware leaves
    /// it. KVM_SET_PIT2, api.rst 4.73.
    public func startFirmwareTimer() throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var state = try timerState()
            state.channels.0 = Self.firmwareChannel
            try descriptor.ioctl(.setPIT2, &state)
        }
    }

    /// True if the guest has not set the timer's first channel since ``startFirmwareTimer()``.
    public var hasFirmwareTimer: Bool {
        guard let channel = try? timerState().channels.0 else { return false }
        let left = Self.firmwareChannel
        return channel.count == left.count && channel.mode == left.mode && channel.rw_mode == left.rw_mode
            && channel.write_latch == left.write_latch
    }

    private func timerState() throws(SystemCallError) -> kvm_pit_state2 {
        var state = kvm_pit_state2()
        try descriptor.ioctl(.getPIT2, &state)
        return state
    }

    /// Mode 2 (rate generator), both bytes of the count. The latch for the count's first byte holds a mark, which any
    /// new count overwrites.
    private static var firmwareChannel: kvm_pit_channel_state {
        var channel = kvm_pit_channel_state()
        channel.count = 0x10000
        channel.mode = 2
        channel.rw_mode = 3
        channel.read_state = 3
        channel.write_state = 3
        channel.write_latch = 0xA5
        channel.gate = 1
        return channel
    }
}
