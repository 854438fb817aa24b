import Glibc
import LinuxSystem

/// PCI functions that a test of a suite has for itself, against the other tests of this suite and of all others on this
/// host.
///
/// A lock on a file each: the kernel takes it back whatever becomes of the suite. A run gets the locked files too, so
/// that a device whose suite was killed is free only when the run has ended. The files stay, since one that was removed
/// could be locked by two.
final class DeviceLease {
    enum Answer {
        case taken(DeviceLease)
        /// This function somebody else has: who, in words.
        case busy(String, holder: String)
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

    /// Where users of this host may make files. A lease is a lock in each of them that can be used: some users can't
    /// write to the first, some containers share only that.
    private static let directories = ["/run/lock", "/tmp"]

    /// Takes all or none, so that no two tests wait for each other.
    static func acquire(_ devices: [String]) throws(LeaseFile.Failure) -> Answer {
        var locks: [Lock] = []
        for device in devices {
            let before = locks.count
            for directory in directories {
                switch try LeaseFile.lock("\(directory)/swiftlet-\(device).lock") {
                case .locked(let file): locks.append(Lock(file))
                case .busy(let holder): return .busy(device, holder: holder)
                case .absent: continue
                }
            }
            guard locks.count > before else {
                throw .system(
                    SystemCallError(
                        call: "open", object: directories.joined(separator: " and "), errno: .permissionDenied))
            }
        }
        return .taken(DeviceLease(locks))
    }
}
