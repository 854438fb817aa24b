import PCI
public import PostMortem
import VMM

extension AssignedFunction {
    /// How its interrupts stand now, for a post-mortem.
    public var interruptState: DeviceInterrupts {
        var pending: [UInt64] = []
        if let msix = layout.msix {
            for word in 0..<(msix.vectorCount + 63) / 64 { pending.append(pendingArray(msix, UInt64(word * 8), 8)) }
        }
        return state.withLock { state in
            let isINTx = state.mode == .intx
            let msix = state.mode == .messages(.msix) ? layout.msix : nil
            return DeviceInterrupts(
                address: backend.address, mode: Self.name(state.mode), gsi: isINTx ? line?.gsi : nil,
                isINTxDisabled: state.space.command.contains(.intxDisable), isFunctionMasked: msix?.isFunctionMasked(in: state.space) ?? false,
                vectors: vectors(state, pending))
        }
    }

    /// Whether a message it has may be taken with interrupts off.
    func hasUnmaskableMessage(_ state: State) -> Bool {
        messageData(state).contains { IOAPIC.isUnmaskable(deliveryMode: UInt64($0 >> 8 & 7)) }
    }

    /// What its messages carry.
    private func messageData(_ state: State) -> [UInt32] {
        switch state.mode {
        case .messages(.msix):
            guard let table = state.table else { return [] }
            return (0..<table.count).map { table.message($0).data }
        case .messages(.msi):
            guard let msi = layout.msi else { return [] }
            return (0..<msi.vectorCount(in: state.space)).map { msi.message($0, in: state.space).data }
        case .none, .intx: return []
        }
    }

    private static func name(_ mode: InterruptMode) -> String {
        switch mode {
        case .none: "no interrupts"
        case .intx: "INTx"
        case .messages(.msi): "MSI"
        case .messages(.msix): "MSI-X"
        }
    }

    /// Those that the guest gave a message, or that pend.
    private func vectors(_ state: State, _ pending: [UInt64]) -> [DeviceInterrupts.Vector] {
        switch state.mode {
        case .messages(.msix):
            guard let msix = layout.msix, let table = state.table else { return [] }
            return (0..<table.count).compactMap { vector in
                let isPending = pending[vector / 64] >> UInt64(vector % 64) & 1 != 0
                let message = table.message(vector)
                let isMasked = msix.isFunctionMasked(in: state.space) || table.isMasked(vector)
                guard isPending || !isMasked || message.address != 0 else { return nil }
                return .init(number: vector, isMasked: isMasked, isPending: isPending, guestVector: Int(message.data & 0xFF))
            }
        case .messages(.msi):
            guard let msi = layout.msi else { return [] }
            return (0..<msi.vectorCount(in: state.space)).map { vector in
                .init(
                    number: vector, isMasked: msi.isMasked(vector, in: state.space), isPending: backend.isPending(vector) ?? false,
                    guestVector: Int(msi.message(vector, in: state.space).data & 0xFF))
            }
        default: return []
        }
    }
}
