public import KVM
public import LinuxSystem
public import PCI
import Synchronization

/// One MSI or MSI-X vector of a function: the eventfd on which its interrupts arrive, the guest's message for it, its
/// mask.
///
/// A passed-through device's host interrupt signals the eventfd, and `relay` delivers; an emulated function calls
/// `raise`. Nothing reads a masked vector's eventfd, so its count is the pending bit. Unmasking reads the count and
/// delivers once.
public final class MessageVector: Savable, Sendable {
    private struct Content {
        var message = MSIMessage(address: 0, data: 0)
        var masked = true
        var wasUnmasked = false
        var counts = InterruptCounts()
        /// With irqfd delivery: the GSI, its message, and the state of the irqfd.
        var gsi: UInt32?
        var routed = MSIMessage(address: 0, data: 0)
        var attached = false
    }

    /// Signalled for each interrupt.
    public let event: EventDescriptor
    private let vm: VirtualMachine
    private let delivery: MessageDelivery
    private let routes: MessageRoutes
    private let state = Mutex(Content())

    /// - Parameters:
    ///   - name: the vector's name in recordings, traces and errors.
    ///   - routes: the machine's; only `.irqfd` uses one of them.
    public init(_ name: String, vm: VirtualMachine, delivery: MessageDelivery, routes: MessageRoutes)
        throws(SystemCallError)
    {
        event = try EventDescriptor(name)
        self.vm = vm
        self.delivery = delivery
        self.routes = routes
    }

    /// The counts of its interrupts; nil if the kernel delivered them, which can't be counted.
    public var counts: InterruptCounts? {
        delivery == .signal ? state.withLock { $0.counts } : nil
    }

    /// True if the guest ever had it unmasked.
    public var wasUnmasked: Bool { state.withLock { $0.wasUnmasked } }

    /// True if the mask holds an interrupt back.
    public var isPending: Bool {
        state.withLock { $0.masked && event.isSignalled }
    }

    /// Delivers when the eventfd was signalled; called by the relay. While masked, the count stays in the eventfd.
    public func relay() {
        state.withLock { state in
            guard !state.masked, event.readCount() > 0 else { return }
            deliver(&state)
        }
    }

    /// Raises an emulated function's interrupt: delivered now, or at the unmask.
    public func raise() {
        state.withLock { state in
            if state.masked || delivery == .irqfd { event.signal() } else { deliver(&state) }
        }
    }

    private func deliver(_ state: inout Content) {
        do throws(KVMError) {
            switch try vm.signal(state.message, from: event.descriptor.object) {
            case .delivered: state.counts.delivered += 1
            case .blocked: state.counts.blocked += 1
            }
        } catch {
            state.counts.failed += 1
        }
    }

    /// Sets the guest's message and mask.
    /// - Returns: true if the relay must watch the eventfd.
    public func set(_ message: MSIMessage, masked: Bool) throws(KVMError) -> Bool {
        try state.withLock { state throws(KVMError) in
            state.message = message
            if delivery == .irqfd { try follow(&state, masked: masked) }
            if state.masked, !masked {
                let held = delivery == .signal || !state.attached ? event.readCount() : 0
                if held > 0 {
                    state.counts.held += held
                    deliver(&state)
                }
            }
            state.masked = masked
            if !masked { state.wasUnmasked = true }
            if delivery == .irqfd, !masked, !state.attached, let gsi = state.gsi {
                try vm.attachIRQFD(gsi, event: event.raw)
                state.attached = true
            }
            return delivery == .signal && !masked
        }
    }

    /// Updates route and irqfd before an unmask or after a mask.
    private func follow(_ state: inout Content, masked: Bool) throws(KVMError) {
        if masked, state.attached, let gsi = state.gsi {
            try vm.detachIRQFD(gsi, event: event.raw)
            state.attached = false
        }
        guard !masked else { return }
        if let gsi = state.gsi {
            if state.routed != state.message { try routes.update(gsi, state.message) }
        } else {
            state.gsi = try routes.add(state.message)
        }
        state.routed = state.message
    }

    /// The settings of the guest, and the interrupts that are held back.
    public struct State: Sendable, Equatable {
        var message: MSIMessage
        var isMasked: Bool
        var wasUnmasked: Bool
        /// The number of interrupts that wait for the unmask, or for their delivery.
        var pending: UInt64
    }

    public func save() -> State {
        state.withLock { state in
            let pending = event.readCount()
            if pending > 0 { event.signal(pending) }
            return State(
                message: state.message, isMasked: state.masked, wasUnmasked: state.wasUnmasked, pending: pending)
        }
    }

    /// - Throws: where the kernel takes no route for it.
    public func restore(_ saved: State) throws(StateError) {
        stop()
        if saved.pending > 0 { event.signal(saved.pending) }
        state.withLock { $0.wasUnmasked = saved.wasUnmasked }
        guard !saved.isMasked else { return state.withLock { $0.message = saved.message } }
        do throws(KVMError) { _ = try set(saved.message, masked: false) } catch { throw .kvm(error) }
    }

    /// Masks the vector, drops held interrupts and frees its route.
    public func stop() {
        state.withLock { state in
            if let gsi = state.gsi {
                if state.attached { try? vm.detachIRQFD(gsi, event: event.raw) }
                try? routes.remove(gsi)
            }
            state.gsi = nil
            state.attached = false
            state.masked = true
            _ = event.readCount()
        }
    }
}
