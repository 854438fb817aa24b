import Glibc
import LinuxSystem

/// PCI functions leased by a test of a suite, against the other tests of this suite and of all others on this host.
///
/// Each lease is a lock on a file: the kernel releases it however the suite ends. A run inherits the locked files, so
/// that a device whose suite was killed is free only when the run has ended. The files are never removed, since two
/// processes could lock a removed file and its successor.
final class DeviceLease {
    enum Answer {
        case taken(DeviceLease)
        /// Another holder has this function; the text names it.
        case busy(String, holder: String)
    }

    private let locks: [Lock]

    private init(_ locks: [Lock]) { self.locks = locks }

    /// The locked files, valid during the lease.
    var descriptors: [Int32] { locks.map { $0.file.raw } }

    /// A locked file. A class because an array can't hold a noncopyable file.
    private final class Lock {
        let file: Descriptor

        init(_ file: consuming Descriptor) { self.file = file }
    }

    /// Directories where users of this host may create files. A lease is a lock in each of them that is usable: some
    /// users can't write to the first, some containers share only that.
    private static let directories = ["/run/lock", "/tmp"]

    /// Acquires all or none, so that no two tests wait for each other.
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
