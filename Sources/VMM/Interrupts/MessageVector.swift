public import KVM
public import LinuxSystem
public import PCI
import Synchronization

/// One MSI or MSI-X vector of a function: the eventfd on which its interrupts arrive, the guest's message for it, its
/// mask.
///
/// A passed-through device's host interrupt signals the eventfd, and `relay` delivers; an emulated function calls
/// `raise`. A masked vector's eventfd is read by nobody, so its count is the pending bit. Unmasking takes the count and
/// delivers once.
public final class MessageVector: Sendable {
    private struct State {
        var message = MSIMessage(address: 0, data: 0)
        var masked = true
        var wasUnmasked = false
        var counts = InterruptCounts()
        /// With irqfd delivery: the GSI, the message it leads to, and whether the irqfd is attached.
        var gsi: UInt32?
        var routed = MSIMessage(address: 0, data: 0)
        var attached = false
    }

    /// Signalled by whoever raises the interrupt.
    public let event: EventDescriptor
    private let vm: VirtualMachine
    private let delivery: MessageDelivery
    private let routes: MessageRoutes
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: what recordings, traces and errors call it.
    ///   - routes: the machine's; only `.irqfd` takes one of them.
    public init(_ name: String, vm: VirtualMachine, delivery: MessageDelivery, routes: MessageRoutes)
        throws(SystemCallError)
    {
        event = try EventDescriptor(name)
        self.vm = vm
        self.delivery = delivery
        self.routes = routes
    }

    /// What became of its interrupts; nil where the kernel delivered unseen.
    public var counts: InterruptCounts? {
        delivery == .signal ? state.withLock { $0.counts } : nil
    }

    /// Whether the guest ever had it unmasked.
    public var wasUnmasked: Bool { state.withLock { $0.wasUnmasked } }

    /// Whether an interrupt is held back by the mask.
    public var isPending: Bool {
        state.withLock { $0.masked && event.isSignalled }
    }

    /// The relay's call when the eventfd was signalled. Masked, the count stays where it is.
    public func relay() {
        state.withLock { state in
            guard !state.masked, event.readCount() > 0 else { return }
            deliver(&state)
        }
    }

    /// An emulated function's interrupt: delivered now, or at the unmask.
    public func raise() {
        state.withLock { state in
            if state.masked || delivery == .irqfd { event.signal() } else { deliver(&state) }
        }
    }

    private func deliver(_ state: inout State) {
        do throws(KVMError) {
            switch try vm.signal(state.message, from: event.descriptor.object) {
            case .delivered: state.counts.delivered += 1
            case .blocked: state.counts.blocked += 1
            }
        } catch {
            state.counts.failed += 1
        }
    }

    /// The guest's message and mask changed.
    /// - Returns: whether the relay shall watch the eventfd.
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

    /// Brings route and irqfd in line before an unmask or after a mask.
    private func follow(_ state: inout State, masked: Bool) throws(KVMError) {
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

    /// Masks the vector, forgets what it held and gives its route back.
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
