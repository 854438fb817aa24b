public import LinuxSystem

/// The reason why VFIO can't hand out a device, or the call that it refused.
public enum VFIOError: Error, CustomStringConvertible {
    /// `/dev/vfio/vfio` is missing: no VFIO in this kernel, or its modules are not loaded.
    case unavailable(String)
    /// The VFIO file exists, but this user may not open it.
    case noPermission(String)
    /// VFIO_GET_API_VERSION answered something other than 0, or type 1 IOMMUs are not served.
    case unsupported(String)
    /// The group is open elsewhere: another VMM uses a device of it.
    case groupBusy(group: Int)
    /// Some member of the group is bound to a driver other than VFIO's.
    case notViable(group: Int)
    /// Guest memory could not be pinned: the limit on locked memory is too small.
    case memoryLock(bytes: UInt64)
    /// VFIO_DEVICE_SET_IRQS found fewer host interrupts than the vectors asked for, and took none.
    case fewerVectors(Int)
    case call(SystemCallError)

    static func catching<Result: ~Copyable>(_ body: () throws(SystemCallError) -> Result) throws(VFIOError) -> Result {
        do { return try body() } catch { throw .call(error) }
    }

    public var description: String {
        switch self {
        case .unavailable(let path):
            """
            \(path) is not there: load VFIO (modprobe vfio-pci) and start the kernel with an IOMMU \
            (intel_iommu=on; AMD's is on by itself)
            """
        case .noPermission(let path):
            "\(path) may not be opened by this user: give it to the user (chown NAME \(path)) or run as root"
        case .unsupported(let what): "this host's VFIO lacks \(what)"
        case .groupBusy(let group):
            """
            IOMMU group \(group) is in use by another program: end the one that holds /dev/vfio/\(group) (fuser -v \
            /dev/vfio/\(group))
            """
        case .notViable(let group):
            """
            IOMMU group \(group) is not viable: a member of it is bound to a host driver (swiftlet devices doctor \
            names it)
            """
        case .memoryLock(let bytes):
            "\(bytes >> 20) MiB of guest memory can't be pinned for the device: raise the limit on locked memory "
                + """
                (ulimit -l \((bytes >> 10) + 65536), or LimitMEMLOCK= of the service) or give the guest less with \
                --memory
                """
        case .fewerVectors(let count):
            "VFIO_DEVICE_SET_IRQS: the host has \(count) interrupt vectors left for the device, and it wants more"
        case .call(let error): "\(error)"
        }
    }
}
