public import LinuxSystem

/// The reason why KVM can't be used, or the call that it refused.
public enum KVMError: Error, CustomStringConvertible {
    /// There is no such device file, or no KVM behind it.
    case unavailable(String)
    /// The device file exists, but this user may not open it.
    case noPermission(String)
    /// KVM_GET_API_VERSION answered something other than 12.
    case version(Int)
    /// All GSIs for messages are in use, up to the limit of the host and this machine.
    case noRoute(limit: Int)
    /// A call failed for another reason.
    case call(SystemCallError)

    static func catching<Result: ~Copyable>(_ body: () throws(SystemCallError) -> Result) throws(KVMError) -> Result {
        do { return try body() } catch { throw .call(error) }
    }

    public var description: String {
        switch self {
        case .unavailable(let path):
            """
            \(path) is not there: load the module (modprobe kvm_intel or kvm_amd), enable virtualization in the \
            firmware, \
            or, inside a virtual machine, ask its host for nested virtualization
            """
        case .noPermission(let path):
            """
            \(path) may not be opened by this user: add the user to the group that owns it (usermod -aG kvm NAME, \
            then log in again)
            """
        case .version(let version):
            "this host's KVM speaks interface version \(version), swiftlet speaks 12: run a kernel from 2.6.22 on"
        case .noRoute(let limit):
            """
            all \(limit) routes for messages are taken: pass fewer devices or vectors, or, with VFIO, deliver by \
            msi=signal
            """
        case .call(let error):
            "\(error)"
        }
    }
}
