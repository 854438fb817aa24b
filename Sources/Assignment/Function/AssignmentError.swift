public import KVM
public import LinuxSystem
public import VFIO
public import VMM

/// The reason why a function could not be passed through, or a failure while it was.
public enum AssignmentError: Error, CustomStringConvertible {
    case vfio(String, VFIOError)
    case kvm(String, KVMError)
    case system(String, SystemCallError)
    case plug(String, PCIHostBridge.PlugError)
    /// KVM's own assignment refused; the error names the function.
    case legacy(PCIAssignmentError)
    /// This user may not open one of the function's files.
    case noAccess(String, SystemCallError)
    /// The function was requested more than once.
    case repeated(String)
    /// The guest requested something from its device that the host does not provide.
    case refused(String, call: String, reason: String)
    /// The host has the function, but can't pass it through.
    case unfit(String, reason: String)

    public var description: String {
        switch self {
        case .vfio(let address, let error): "\(address): \(error)"
        case .kvm(let address, let error): "\(address): \(error)"
        case .system(let address, let error): "\(address): \(error)"
        case .plug(let address, let error): "\(address): \(error)"
        case .legacy(let error): "\(error)"
        case .noAccess(let address, let error):
            """
            \(address): \(error.object) may not be read and written by this user: run as root, or chown \"$USER\" \
            \(error.object)
            """
        case .repeated(let address): "\(address) is given twice: a function can be passed to a guest once"
        case .refused(let address, let call, let reason): "\(address): \(call): \(reason)"
        case .unfit(let address, let reason): "\(address): \(reason)"
        }
    }
}
