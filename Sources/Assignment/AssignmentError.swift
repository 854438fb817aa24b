public import KVM
public import LinuxSystem
public import VFIO
public import VMM

/// Why a function could not be passed through, or what failed while it was.
public enum AssignmentError: Error, CustomStringConvertible {
    case vfio(String, VFIOError)
    case kvm(String, KVMError)
    case system(String, SystemCallError)
    case plug(String, PCIHostBridge.PlugError)
    /// The function was asked for more than once.
    case repeated(String)
    /// The host has the function, and can't pass it through.
    case unfit(String, reason: String)

    public var description: String {
        switch self {
        case .vfio(let address, let error): "\(address): \(error)"
        case .kvm(let address, let error): "\(address): \(error)"
        case .system(let address, let error): "\(address): \(error)"
        case .plug(let address, let error): "\(address): \(error)"
        case .repeated(let address): "\(address) is given twice: a function can be passed to a guest once"
        case .unfit(let address, let reason): "\(address): \(reason)"
        }
    }
}
