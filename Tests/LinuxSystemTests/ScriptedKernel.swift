import Glibc
import LinuxSystem

/// A kernel of few words: it knows the calls of `ScriptedCalls` and those that give out descriptors.
final class ScriptedKernel: KernelInterface, @unchecked Sendable {
    // @unchecked: it has no state.
    override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        switch "\(request.name)" {
        case "KVM_CHECK_EXTENSION": value == 75 ? 1 : 0
        case "KVM_CREATE_VM": dup(2)
        default: -ENOTTY
        }
    }

    override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32
    {
        switch "\(request.name)" {
        case "KVM_CREATE_DEVICE":
            argument.storeBytes(of: dup(2), toByteOffset: 4, as: Int32.self)
            return 0
        case "KVM_ASSIGN_PCI_DEVICE":
            let flags = argument.load(fromByteOffset: 12, as: UInt32.self)
            return flags & 1 == 0 ? -EINVAL : 0
        case "KVM_GET_LAPIC":
            // Two fields close to each other, and one far off.
            for index in [4, 7, 12] { argument[index] = UInt8(index) }
            return 0
        default: return 0
        }
    }

    override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: Int(offset) + index) }
        return buffer.count
    }

    override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        offset == 0x10 ? -Int(EACCES) : buffer.count
    }
}
