import Glibc
import KVM
import LinuxSystem
import Synchronization
import VFIO

/// A guest's request to its device that the host's kernel refused.
public struct Refusal: Sendable, Equatable {
    /// The call's name in its manual: `VFIO_DEVICE_SET_IRQS`, `pwrite`.
    public let call: String
    /// The reason, in the kernel's words or ours.
    public let reason: String
    public internal(set) var count: UInt64
}

/// The refused requests of a guest to one device, counted by call and reason.
final class Refusals: Sendable {
    /// The largest number of kinds; a host returns few errnos for few calls.
    private static let limit = 32
    private let kinds = Mutex<[Refusal]>([])

    func add(_ error: AssignmentError) {
        let (call, reason) = error.refusedCall
        kinds.withLock { kinds in
            if let index = kinds.firstIndex(where: { $0.call == call && $0.reason == reason }) {
                kinds[index].count += 1
            } else if kinds.count < Self.limit {
                kinds.append(Refusal(call: call, reason: reason, count: 1))
            }
        }
    }

    /// All kinds in the order in which they first occurred.
    var all: [Refusal] { kinds.withLock { $0 } }
}

extension AssignmentError {
    /// The purpose of a guest's access, as far as it decides who is responsible for a refusal.
    enum Purpose {
        /// The interrupt line: the guest does not influence if the host can provide it.
        case line
        case device
    }

    /// The system call that failed; nil if none was made.
    private var systemCall: SystemCallError? {
        switch self {
        case .vfio(_, .call(let error)), .kvm(_, .call(let error)), .system(_, let error), .noAccess(_, let error):
            error
        case .legacy(let error): error.error
        default: nil
        }
    }

    fileprivate var refusedCall: (call: String, reason: String) {
        switch self {
        case .refused(_, let call, let reason): (call, reason)
        case .vfio(_, .fewerVectors): ("VFIO_DEVICE_SET_IRQS", "the host has fewer interrupt vectors left")
        case .kvm(_, .noRoute(let limit)): ("KVM_SET_GSI_ROUTING", "all \(limit) routes for messages are taken")
        default: systemCall.map { ($0.call, "\($0.errno)") } ?? ("", description)
        }
    }

    /// Returns true if the host itself failed; all other refusals while a guest runs are caused by the guest's use of
    /// its device. The table is in docs/config-space.md.
    func isHostFailure(for purpose: Purpose) -> Bool {
        switch self {
        case .refused, .kvm(_, .noRoute), .vfio(_, .fewerVectors): return false
        default: break
        }
        guard let errno = systemCall?.errno else { return true }
        switch errno.rawValue {
        // The device or its group is gone, the host is out of memory or of files, or the user lost a permission.
        case ENODEV, ENXIO, ENOMEM, ENFILE, EPERM, EACCES, EBADF: return true
        // This kernel does not have the call.
        case ENOTTY: return true
        // Another driver of the host holds the line.
        case EBUSY, EIO: return purpose == .line
        default: return false
        }
    }
}
