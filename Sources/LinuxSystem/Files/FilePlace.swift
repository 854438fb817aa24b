import Glibc

/// Which file a path names, whatever the path's spelling: equal for `z` and `./z`, for a link and what it leads to, and
/// for two names of one file.
public struct FilePlace: Hashable, Sendable {
    /// It is a pipe, a terminal or another device, or what a link of procfs leads to, as /dev/stdout: there to be
    /// shared, but one report's alone.
    public let isStream: Bool
    private let device: UInt64
    private let inode: UInt64
    /// The name of a file that is yet to be made, in the directory that the numbers name.
    private let name: [CChar]

    /// Looks a path up. Opens nothing that could wait, and changes nothing.
    /// - Parameter path: of what is there, or of a file that is yet to be made in a directory that exists. Nil for
    ///   /dev/null, where nothing mixes, and for what can't be looked up, which can't be opened either.
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
