public import KVM
public import PCI
import Synchronization

/// A machine's GSI routes: those of its pins, and those of its message vectors. The kernel takes the table whole, so it
/// is written from here alone.
public final class MessageRoutes: Sendable {
    private let vm: VirtualMachine
    private let table: Mutex<IRQRouting>

    /// - Parameter vm: says how many routes its kernel takes.
    public init(vm: VirtualMachine) {
        self.vm = vm
        table = Mutex(IRQRouting(limit: vm.check(.irqRouting)))
    }

    /// Wires the pins of a machine's interrupt controllers: the routes that it has before the first message.
    static func wirePins(of vm: VirtualMachine) throws(KVMError) { try vm.setRouting(IRQRouting()) }

    /// How many of the machine's GSIs lead to messages now.
    public var count: Int { table.withLock { $0.messageCount } }

    /// Takes a GSI that leads to `message`.
    /// - Throws: ``KVMError`` where none is left, or where the kernel refuses the table.
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

    /// Leads a GSI to another message. Where that is refused it leads to the one before.
    public func update(_ gsi: UInt32, _ message: MSIMessage) throws(KVMError) {
        try table.withLock { table throws(KVMError) in
            let before = table
            table.update(gsi, message)
            do throws(KVMError) {
                try vm.setRouting(table)
            } catch {
                // The kernel takes the table whole: a message it refuses must not stay in the way of all others.
                table = before
                throw error
            }
        }
    }

    /// Gives a GSI back.
    public func remove(_ gsi: UInt32) throws(KVMError) {
        try table.withLock { table throws(KVMError) in
            table.remove(gsi)
            try vm.setRouting(table)
        }
    }
}
