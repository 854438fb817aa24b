public import KVM
public import PCI
import Synchronization

/// A machine's GSI routes: those of its pins, and those of its message vectors. The kernel replaces the whole table at
/// once, so only this class writes it.
public final class MessageRoutes: Sendable {
    private let vm: VirtualMachine
    private let table: Mutex<IRQRouting>

    /// - Parameter vm: gives the largest number of routes.
    public init(vm: VirtualMachine) {
        self.vm = vm
        table = Mutex(IRQRouting(limit: vm.check(.irqRouting)))
    }

    /// Wires the pins of a machine's interrupt controllers: the initial routes.
    static func wirePins(of vm: VirtualMachine) throws(KVMError) { try vm.setRouting(IRQRouting()) }

    /// The number of the machine's GSIs in use for messages.
    public var count: Int { table.withLock { $0.messageCount } }

    /// Allocates a GSI for `message`.
    /// - Throws: ``KVMError`` if none is left, or if the kernel refuses the table.
    public func add(_ message: MSIMessage) throws(KVMError) -> UInt32 {
        try table.withLock { table throws(KVMError) in
            guard let gsi = table.add(message) else { throw .noRoute(limit: table.messageLimit) }
            do throws(KVMError) {
                try vm.setRouting(table)
            } catch {
                table.remove(gsi)
                throw error
            }
            return gsi
        }
    }

    /// Changes the message of a GSI. After an error the previous message stays.
    public func update(_ gsi: UInt32, _ message: MSIMessage) throws(KVMError) {
        try table.withLock { table throws(KVMError) in
            let before = table
            table.update(gsi, message)
            do throws(KVMError) {
                try vm.setRouting(table)
            } catch {
                // The kernel replaces the whole table: a message that it refuses must not block all others.
                table = before
                throw error
            }
        }
    }

    /// Frees a GSI.
    public func remove(_ gsi: UInt32) throws(KVMError) {
        try table.withLock { table throws(KVMError) in
            table.remove(gsi)
            try vm.setRouting(table)
        }
    }
}
