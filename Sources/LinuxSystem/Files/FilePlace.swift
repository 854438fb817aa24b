import Glibc

/// The identity of the file that a path names, whatever the path's spelling: equal for `z` and `./z`, for a link and
/// its target, and for two names of one file.
public struct FilePlace: Hashable, Sendable {
    /// True for a pipe, a terminal or another device, or the target of a procfs link such as /dev/stdout. Such a place
    /// may be shared, but by one report only.
    public let isStream: Bool
    private let device: UInt64
    private let inode: UInt64
    /// The name of a file that does not exist yet, in the directory that the numbers identify.
    private let name: [CChar]

    /// Looks a path up. Opens nothing that could block, and changes nothing.
    /// - Parameter path: of an existing file, or of a new file in an existing directory. The result is nil for
    ///   /dev/null, where output can't mix, and for a path that can't be looked up, which can't be opened either.
    public init?(_ path: String) {
        guard let place = try? OutputPath(path, followsLinks: true) else { return nil }
        var status = stat()
        if fstatat(place.directory.raw, place.name, &status, place.isKernelLink ? 0 : AT_SYMLINK_NOFOLLOW) == 0 {
            if status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == Self.null { return nil }
            isStream = place.isKernelLink || status.st_mode & S_IFMT != S_IFREG
            (device, inode, name) = (UInt64(status.st_dev), UInt64(status.st_ino), [])
        } else {
            guard errno == ENOENT, fstat(place.directory.raw, &status) == 0 else { return nil }
            isStream = false
            (device, inode, name) = (UInt64(status.st_dev), UInt64(status.st_ino), place.name)
        }
    }

    /// Documentation/admin-guide/devices.txt: 1, 3 = null.
    private static let null: dev_t = 1 << 8 | 3
}
