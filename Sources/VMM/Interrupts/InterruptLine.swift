public import KVM
import LinuxSystem
import Synchronization

/// One level-triggered interrupt line of the PCI bus: a GSI that several functions may share.
///
/// A passed-through function has a trigger eventfd (its device asserts) and a resample eventfd (the guest acknowledged;
/// check if the device still asserts). The kernel raises and lowers the line through resampling irqfds; no user-space
/// thread is on the path.
///
/// The line is lowered when its last resampling irqfd is removed (virt/kvm/eventfd.c, irqfd_resampler_shutdown), and
/// only then. So a function that must stop asserting is removed together with all others, which are then added again
/// and checked.
///
/// Emulated functions set their level by KVM_IRQ_LINE, which is another source of the same pin: the kernel raises it
/// while either source asserts (arch/x86/kvm/irq_comm.c, kvm_irq_line_state).
public final class InterruptLine: Savable, Sendable {
    /// One function's part of the line. The eventfds belong to the function and outlive its attachment.
    public struct Source: Sendable {
        let trigger: Int32
        let resample: Int32
        /// Makes the device check again if it asserts.
        let reassert: @Sendable () -> Void

        public init(trigger: Int32, resample: Int32, reassert: @escaping @Sendable () -> Void) {
            self.trigger = trigger
            self.resample = resample
            self.reassert = reassert
        }
    }

    private struct Level {
        var sources: [Source] = []
        /// Slots whose emulated functions assert the line.
        var asserting: Set<Int> = []
        /// Acknowledgements are counted even if no source requires it.
        var countsAcks = false

        var needsAckCount: Bool { countsAcks || !sources.isEmpty }
    }

    public let gsi: UInt32
    private let vm: VirtualMachine
    private let state = Mutex(Level())
    /// Never signalled; its resample side counts the guest's acknowledgements of the line.
    private let ackCounterTrigger: EventDescriptor
    private let acknowledgements: EventDescriptor
    private let acknowledged = Atomic<UInt64>(0)

    init(gsi: UInt32, vm: VirtualMachine) throws(SystemCallError) {
        self.gsi = gsi
        self.vm = vm
        ackCounterTrigger = try EventDescriptor("interrupt line \(gsi)")
        acknowledgements = try EventDescriptor("interrupt line \(gsi)")
    }

    /// The number of the guest's acknowledgements of this line.
    public var acknowledgedCount: UInt64 {
        acknowledged.wrappingAdd(acknowledgements.readCount(), ordering: .relaxed).newValue
    }

    /// Readable if the guest has acknowledged the line since `acknowledgedCount` was last read.
    var acknowledgementEvent: Int32 { acknowledgements.raw }

    /// True if `acknowledgedCount` counts for a function that the kernel asserts.
    public var countsAcks: Bool { state.withLock { $0.countsAcks } }

    /// Starts to count the guest's acknowledgements, for a function that the kernel asserts.
    public func startCountingAcks() throws(KVMError) {
        try state.withLock { state throws(KVMError) in
            if !state.needsAckCount { try attachAckCounter() }
            state.countsAcks = true
        }
    }

    /// Lets a function assert the line.
    public func attach(_ source: Source) throws(KVMError) {
        try state.withLock { state throws(KVMError) in
            guard !state.sources.contains(where: { $0.trigger == source.trigger }) else { return }
            try connect(source)
            do throws(KVMError) {
                if !state.needsAckCount { try attachAckCounter() }
            } catch {
                try? disconnect(source)
                throw error
            }
            state.sources.append(source)
        }
    }

    /// Removes a function from the line, lowering it unless another one asserts.
    public func detach(trigger: Int32) throws(KVMError) {
        try state.withLock { state throws(KVMError) in
            guard let index = state.sources.firstIndex(where: { $0.trigger == trigger }) else { return }
            let others = state.sources.enumerated().filter { $0.offset != index }.map(\.element)
            for source in state.sources { try disconnect(source) }
            try vm.detachIRQFD(gsi, event: ackCounterTrigger.raw, resample: acknowledgements.raw)
            state.sources = []
            for source in others { try connect(source) }
            if !others.isEmpty || state.countsAcks { try attachAckCounter() }
            state.sources = others
            for source in others { source.reassert() }
        }
    }

    /// Sets an emulated function's level.
    /// - Parameter slot: the function's; each has its own level, and the line is up while any of them is.
    func setLevel(_ level: Bool, slot: Int) throws(KVMError) {
        try state.withLock { state throws(KVMError) in
            let wasUp = !state.asserting.isEmpty
            if level { state.asserting.insert(slot) } else { state.asserting.remove(slot) }
            if state.asserting.isEmpty == wasUp { try vm.setLine(gsi, level) }
        }
    }

    /// The slots whose emulated functions assert the line.
    public func save() -> Set<Int> { state.withLock { $0.asserting } }

    public func restore(_ slots: Set<Int>) {
        state.withLock { $0.asserting = slots }
        if !slots.isEmpty { try? vm.setLine(gsi, true) }
    }

    private func attachAckCounter() throws(KVMError) {
        try vm.attachIRQFD(gsi, event: ackCounterTrigger.raw, resample: acknowledgements.raw)
    }

    private func connect(_ source: Source) throws(KVMError) {
        try vm.attachIRQFD(gsi, event: source.trigger, resample: source.resample)
    }

    private func disconnect(_ source: Source) throws(KVMError) {
        try vm.detachIRQFD(gsi, event: source.trigger, resample: source.resample)
    }
}
