import Glibc

/// How large a file may become that a guest fills: docs/files.md.
///
/// Whoever writes the file counts what comes when the limit is reached, and does not write it. That is no failure: the
/// file was to have no more.
public struct FileLimit: Sendable, Equatable {
    /// The least that can be asked for, in bytes: room for what frames a file and says that it is cut.
    public static let least = 64 << 10

    /// Bytes, what says that the file is cut included. `Int.max`: no limit.
    public let bytes: Int
    /// The option that sets it, for sentences.
    public let option: String

    /// - Parameter bytes: `least` or more; nil for no limit.
    public init(_ bytes: Int?, option: String) {
        self.bytes = bytes.map { max($0, Self.least) } ?? .max
        self.option = option
    }

    /// `its limit of 64 MiB (--file-limit)`.
    public var words: String { "its limit of \(ByteCount(UInt64(bytes)).words) (\(option))" }

    /// Whether it holds for what a descriptor is open on: a file, by whatever path, and no pipe, terminal or device,
    /// which keep nothing.
    public static func holds(for descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
