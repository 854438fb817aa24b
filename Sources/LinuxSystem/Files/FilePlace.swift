import Glibc

/// Which file a path names, whatever the path's spelling: equal for `z` and `./z`, for a link and what it leads to, and for two names of one file.
public struct FilePlace: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    /// The name of a file that is yet to be made, in the directory that the numbers name.
    private let name: [CChar]

    /// Looks a path up. Opens nothing that could wait, and changes nothing.
    /// - Parameter path: a regular file, or one that is yet to be made in a directory that exists. Nil for everything else: a pipe, a terminal or
    ///   /dev/null is there to be shared, and what can't be looked up can't be opened either.
    public init?(_ path: String) {
        guard let place = try? OutputPath(path, followsLinks: true), !place.isKernelLink else { return nil }
        var status = stat()
        if fstatat(place.directory.raw, place.name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else { return nil }
            (device, inode, name) = (UInt64(status.st_dev), UInt64(status.st_ino), [])
        } else {
            guard errno == ENOENT, fstat(place.directory.raw, &status) == 0 else { return nil }
            (device, inode, name) = (UInt64(status.st_dev), UInt64(status.st_ino), place.name)
        }
    }
}
