import Glibc

/// The largest size of a file that a guest fills: docs/files.md.
///
/// At the limit the writer counts further bytes and drops them. That is no failure: the limit was asked for.
public struct FileLimit: Sendable, Equatable {
    /// The smallest limit in bytes: it has room for the first and last lines of a file and the mark of a cut.
    public static let least = 64 << 10

    /// The limit in bytes, including the mark of a cut. `Int.max`: no limit.
    public let bytes: Int
    /// The option that sets it, for messages.
    public let option: String

    /// - Parameter bytes: `least` or more; nil for no limit.
    public init(_ bytes: Int?, option: String) {
        self.bytes = bytes.map { max($0, Self.least) } ?? .max
        self.option = option
    }

    /// `its limit of 64 MiB (--file-limit)`.
    public var words: String { "its limit of \(ByteCount(UInt64(bytes)).words) (\(option))" }

    /// Returns true if the limit applies to an open descriptor: to a regular file, not to a pipe, terminal or device,
    /// which store nothing.
    public static func holds(for descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
