import Glibc
import KVM
import LinuxSystem
import Synchronization

/// KVM's assignment calls as Linux 4.4 answers them for one function, with what passes through written down as text. It
/// holds our code to the order that the kernel asks for; what the kernel does with the device is tried in the lab.
final class LegacyKernel: KernelInterface, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    private struct State {
        var calls: [String] = []
        var failures: [String: Int32] = [:]
        var objects: [Int32: String] = [:]
        var isAssigned = false
        var irq: UInt32 = 0
        var messageCount = 0
        var entries: [UInt16: UInt32] = [:]
        var routes = 39
        var capabilities: [UInt: Int32] = [29: 1, 18: 1, 47: 1, 75: 1, 25: 1024, 136: 0]
    }

    private let state = Mutex(State())

    /// What came since the last call of this, in words.
    func take() -> [String] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    /// Makes a call fail from now on; nil: no more.
    func fail(_ call: String, _ errno: Int32?) { state.withLock { $0.failures[call] = errno } }
    func set(capability: UInt, _ answer: Int32) { state.withLock { $0.capabilities[capability] = answer } }

    var isAssigned: Bool { state.withLock { $0.isAssigned } }
    /// What KVM_ASSIGN_DEV_IRQ took and nobody gave back.
    var irq: UInt32 { state.withLock { $0.irq } }
    /// MSI-X entries and the GSIs they lead to.
    var entries: [UInt16: UInt32] { state.withLock { $0.entries } }
    /// How many routes lead to messages.
    var messageRoutes: Int { state.withLock { $0.routes - 39 } }

    override func opened(_ descriptor: Int32, object: String) { state.withLock { $0.objects[descriptor] = object } }

    override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        guard "\(request.name)" == "KVM_CHECK_EXTENSION" else { return 0 }
        return state.withLock { $0.capabilities[value] ?? 0 }
    }

    override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32
    {
        func word(_ offset: Int) -> UInt32 { argument.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        let name = "\(request.name)".replacing("KVM_", with: "")
        return state.withLock { state in
            switch name {
            case "ASSIGN_PCI_DEVICE", "DEASSIGN_PCI_DEVICE", "ASSIGN_SET_INTX_MASK":
                state.calls.append("\(name) \(String(word(0), radix: 16)) flags=\(word(12))")
            case "ASSIGN_DEV_IRQ", "DEASSIGN_DEV_IRQ":
                state.calls.append("\(name) \(String(word(12), radix: 16)) gsi=\(word(8))")
            case "ASSIGN_SET_MSIX_NR": state.calls.append("\(name) \(word(4) & 0xFFFF)")
            case "ASSIGN_SET_MSIX_ENTRY": state.calls.append("\(name) \(word(8) & 0xFFFF) gsi=\(word(4))")
            case "SET_GSI_ROUTING": state.calls.append(name)
            default: return 0
            }
            if let errno = state.failures[name] { return -errno }
            let isKnown = state.isAssigned
            switch name {
            case "ASSIGN_PCI_DEVICE":
                guard word(12) & 1 != 0 else { return -EINVAL }
                guard !isKnown else { return -EEXIST }
                state.isAssigned = true
            case "DEASSIGN_PCI_DEVICE":
                guard isKnown else { return -EINVAL }
                (state.isAssigned, state.irq, state.messageCount, state.entries) = (false, 0, 0, [:])
            case "ASSIGN_SET_INTX_MASK": return isKnown ? 0 : -ENODEV
            case "ASSIGN_DEV_IRQ":
                guard isKnown else { return -ENODEV }
                guard state.irq == 0 else { return -EEXIST }
                if word(12) & 4 != 0, state.messageCount == 0 || state.entries.count != state.messageCount {
                    return -EINVAL
                }
                state.irq = word(12)
            case "DEASSIGN_DEV_IRQ":
                guard isKnown else { return -ENODEV }
                guard state.irq != 0 else { return -ENXIO }
                (state.irq, state.messageCount, state.entries) = (0, 0, [:])
            case "ASSIGN_SET_MSIX_NR":
                guard isKnown, state.messageCount == 0, (1...256).contains(word(4) & 0xFFFF) else { return -EINVAL }
                state.messageCount = Int(word(4) & 0xFFFF)
            case "ASSIGN_SET_MSIX_ENTRY":
                guard isKnown else { return -EINVAL }
                let entry = UInt16(truncatingIfNeeded: word(8))
                guard state.entries[entry] != nil || state.entries.count < state.messageCount else { return -ENOSPC }
                state.entries[entry] = word(4)
            default: state.routes = Int(word(0))
            }
            return 0
        }
    }

    override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        state.withLock { state in
            let file = state.objects[descriptor]?.split(separator: "/").last ?? "?"
            let value = buffer.reversed().reduce(0) { $0 << 8 | UInt64($1) }
            state.calls.append(
                "write \(file) \(String(offset, radix: 16)) \(String(value, radix: 16)) width=\(buffer.count)")
        }
        return super.write(descriptor, buffer, at: offset)
    }
}
