import Glibc
import LinuxSystem

/// A file whose lock is the lease of a device, in a directory where everybody may create files.
///
/// Other users may have created anything under its name: it is neither followed nor waited for, and only a regular file
/// with no other name is locked. Root removes other entries, and takes over a file of another user once it has the
/// lock, since its owner could replace it. Other users can do neither, and report the owner.
enum LeaseFile {
    enum Answer: ~Copyable {
        case locked(Descriptor)
        /// The holder, in words.
        case busy(String)
        /// The file doesn't exist and can't be created.
        case absent
    }

    /// The entry in a lease's place.
    enum Failure: Error, CustomStringConvertible {
        case system(SystemCallError)
        case foreign(path: String, owner: UInt32)

        var description: String {
            switch self {
            case .system(let error): "\(error)"
            case .foreign(let path, let owner):
                "user \(owner) has put something else than a lock's file at \(path), which root can remove"
            }
        }
    }

    /// The number of attempts after changes between two calls.
    private static let attempts = 20

    static func lock(_ path: String) throws(Failure) -> Answer {
        for _ in 0..<attempts {
            let raw = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            guard raw >= 0 else {
                switch errno {
                case ENOENT:
                    guard let made = try make(path) else { return .absent }
                    if made { continue }
                case ELOOP, ENXIO, ENODEV: try remove(path)
                case EACCES, EPERM: throw .foreign(path: path, owner: owner(of: path))
                default: throw .system(.last("open", path))
                }
                continue
            }
            let file = Descriptor(owning: raw, object: path)
            var status = stat()
            guard fstat(raw, &status) == 0 else { throw .system(.last("fstat", path)) }
            guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else {
                if status.st_nlink > 0 { try remove(path) }
                continue
            }
            guard flock(raw, LOCK_EX | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK else { throw .system(.last("flock", path)) }
                return .busy(LeaseHolder.words(device: status.st_dev, inode: status.st_ino))
            }
            // The lock counts only if it is on the file that others find there.
            var named = stat()
            guard lstat(path, &named) == 0, named.st_dev == status.st_dev, named.st_ino == status.st_ino else {
                continue
            }
            guard geteuid() == 0, status.st_uid != 0 else { return .locked(file) }
            guard unlink(path) == 0 || errno == ENOENT else { throw .system(.last("unlink", path)) }
        }
        return .busy("somebody who exchanges its lock's file again and again")
    }

    /// Creates the file.
    /// - Returns: true if it exists now; nil if it can't be created.
    private static func make(_ path: String) throws(Failure) -> Bool? {
        let raw = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard raw >= 0 else {
            switch errno {
            case EEXIST: return true
            case EACCES, EPERM, EROFS, ENOENT, ENOTDIR: return nil
            default: throw .system(.last("open", path))
            }
        }
        // With any umask others must be able to lock it.
        _ = fchmod(raw, 0o644)
        close(raw)
        return true
    }

    /// Removes an entry that is no lock file, if permitted.
    private static func remove(_ path: String) throws(Failure) {
        let owner = owner(of: path)
        guard geteuid() == 0 || geteuid() == owner else { throw .foreign(path: path, owner: owner) }
        // Two suites that find it must not remove each other's new file: the one with the directory's lock checks
        // again.
        let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let directory: Descriptor
        do throws(SystemCallError) { directory = try Descriptor(opening: parent, flags: O_RDONLY | O_DIRECTORY) } catch
        { throw .system(error) }
        guard flock(directory.raw, LOCK_EX | LOCK_NB) == 0 else {
            usleep(10_000)
            return
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG || status.st_nlink > 1 else { return }
        let answer = status.st_mode & S_IFMT == S_IFDIR ? rmdir(path) : unlink(path)
        guard answer == 0 || errno == ENOENT else { throw .system(.last("unlink", path)) }
    }

    private static func owner(of path: String) -> UInt32 {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_uid : geteuid()
    }
}
