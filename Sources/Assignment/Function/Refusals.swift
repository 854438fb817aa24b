import Glibc
import KVM
import LinuxSystem
import Synchronization
import VFIO

/// Something that a guest asked of its device and the host's kernel refused.
public struct Refusal: Sendable, Equatable {
    /// As its manual names it: `VFIO_DEVICE_SET_IRQS`, `pwrite`.
    public let call: String
    /// Why, in the kernel's words or ours.
    public let reason: String
    public internal(set) var count: UInt64
}

/// What the host refused of all that a guest asked of one device, counted by call and reason.
final class Refusals: Sendable {
    /// Kinds told apart; a host knows few errnos for few calls.
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

    /// In the order in which they first came.
    var all: [Refusal] { kinds.withLock { $0 } }
}

extension AssignmentError {
    /// What an access of the guest's asked for, as far as it matters who answers for a refusal.
    enum Purpose {
        /// The interrupt line: whether the host can give it does not depend on the guest.
        case line
        case device
    }

    /// The system call that failed; nil where none was made.
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

    /// Whether the host itself failed; what else its kernel refuses while a guest runs comes of what the guest did to
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
        // No such call on this kernel.
        case ENOTTY: return true
        // Another driver of the host holds the line.
        case EBUSY, EIO: return purpose == .line
        default: return false
        }
    }
}
