/// A cpio archive in the `newc` format, which the kernel unpacks into its first root file system.
///
/// Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
public struct CPIOArchive: Sendable {
    private var entries: [UInt8] = []
    private var nextInode: UInt32 = 1

    public init() {}

    /// Adds a directory; its parents must be added before it.
    public mutating func addDirectory(_ path: String, permissions: UInt32 = 0o755) {
        add(path, mode: 0o040000 | permissions, contents: [])
    }

    /// Adds a regular file.
    public mutating func addFile(_ path: String, contents: [UInt8], permissions: UInt32 = 0o644) {
        add(path, mode: 0o100000 | permissions, contents: contents)
    }

    /// Adds a symbolic link to `target`.
    public mutating func addSymbolicLink(_ path: String, to target: String) {
        add(path, mode: 0o120777, contents: Array(target.utf8))
    }

    /// Adds a character device.
    public mutating func addCharacterDevice(_ path: String, major: UInt32, minor: UInt32, permissions: UInt32 = 0o600) {
        add(path, mode: 0o020000 | permissions, contents: [], device: (major, minor))
    }

    /// The archive, ended by its trailer.
    public var bytes: [UInt8] {
        var whole = self
        whole.nextInode = 0
        whole.add("TRAILER!!!", mode: 0, contents: [])
        return whole.entries
    }

    private mutating func add(_ path: String, mode: UInt32, contents: [UInt8], device: (UInt32, UInt32) = (0, 0)) {
        let name = Array(path.utf8)
        entries.reserveCapacity(entries.count + contents.count + name.count + 128)
        entries += Array("070701".utf8)
        let links: UInt32 = 1
        let fields: [UInt32] = [
            nextInode, mode, 0, 0, links, 0, UInt32(contents.count), 0, 0, device.0, device.1, UInt32(name.count + 1),
            0,
        ]
        for field in fields { appendHexadecimal(field) }
        entries += name
        entries.append(0)
        pad()
        entries += contents
        pad()
        nextInode += 1
    }

    private mutating func appendHexadecimal(_ value: UInt32) {
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            let digit = UInt8(value >> shift & 0xf)
            entries.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
    }

    private mutating func pad() {
        while entries.count % 4 != 0 { entries.append(0) }
    }
}
