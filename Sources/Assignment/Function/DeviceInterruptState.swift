import PCI
public import PostMortem
import VMM
import X86

extension AssignedFunction {
    /// The current state of its interrupts, for a post-mortem.
    public var interruptState: DeviceInterrupts {
        var pending: [UInt64] = []
        if let msix = layout.msix {
            for word in 0..<(msix.vectorCount + 63) / 64 {
                pending.append(pendingArray(msix.pendingOffset + UInt64(word * 8), 8))
            }
        }
        return state.withLock { state in
            let isINTx = state.mode == .intx
            let msix = state.mode == .messages(.msix) ? layout.msix : nil
            return DeviceInterrupts(
                address: backend.address, mode: state.mode.name, gsi: isINTx ? line?.gsi : nil,
                isINTxDisabled: state.space.command.contains(.intxDisable),
                isFunctionMasked: msix?.isFunctionMasked(in: state.space) ?? false,
                vectors: vectors(state, pending))
        }
    }

    /// Returns true if one of its messages can be accepted with interrupts off.
    func hasUnmaskableMessage(_ state: State) -> Bool {
        state.messages.settings(state.mode, in: state.space).contains(where: \.isUnmaskable)
    }

    /// Returns vectors that have a message of the guest, or are pending.
    private func vectors(_ state: State, _ pending: [UInt64]) -> [DeviceInterrupts.Vector] {
        state.messages.settings(state.mode, in: state.space).compactMap { setting in
            let isMSIX = state.mode == .messages(.msix)
            let isPending =
                isMSIX
                ? pending[setting.number / 64] >> UInt64(setting.number % 64) & 1 != 0
                : backend.isPending(setting.number) ?? false
            guard !isMSIX || isPending || !setting.isMasked || setting.message.address != 0 else { return nil }
            return .init(
                number: setting.number, isMasked: setting.isMasked, isPending: isPending,
                guestVector: Int(setting.message.data & 0xFF))
        }
    }
}
