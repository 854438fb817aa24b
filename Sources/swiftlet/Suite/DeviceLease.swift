import Glibc
import LinuxSystem

/// PCI functions that a test of a suite has for itself, against the other tests of this suite and of all others on this host.
///
/// A lock on a file each: the kernel takes it back whatever becomes of the suite. A run gets the locked files too, so that a device whose suite
/// was killed is free only when the run has ended. The files stay, since one that was removed could be locked by two.
final class DeviceLease {
    enum Answer {
        case taken(DeviceLease)
        /// This function somebody else has.
        case busy(String)
    }

    private let locks: [Lock]

    private init(_ locks: [Lock]) { self.locks = locks }

    /// The locked files, valid while the lease lives.
    var descriptors: [Int32] { locks.map { $0.file.raw } }

    /// A locked file. A class because a noncopyable file can't stand in an array.
    private final class Lock {
        let file: Descriptor

        init(_ file: consuming Descriptor) { self.file = file }
    }

    /// Where all users of this host may make files.
    private static let directory = access("/run/lock", W_OK) == 0 ? "/run/lock" : "/tmp"

    /// Takes all or none, so that no two tests wait for each other.
    static func take(_ devices: [String]) throws(SystemCallError) -> Answer {
        var locks: [Lock] = []
        for device in devices {
            let file = try open("\(directory)/swiftlet-\(device).lock")
            guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK else { throw .last("flock", file.object) }
                return .busy(device)
            }
            locks.append(Lock(file))
        }
        return .taken(DeviceLease(locks))
    }

    private static func open(_ path: String) throws(SystemCallError) -> Descriptor {
        // Without O_CREAT first: the kernel may refuse that for another user's file in a directory like /tmp.
        do throws(SystemCallError) { return try Descriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW) } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
        let file = try Descriptor(opening: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
        _ = fchmod(file.raw, 0o644)
        return file
    }
}
