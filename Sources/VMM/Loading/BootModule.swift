/// A file that is passed to a kernel unchanged: an initrd, a multiboot module.
public struct BootModule: Equatable, Sendable {
    /// The file's path.
    public var path: String
    /// The module's arguments: multiboot's string is the path, then these words. Empty for none.
    public var arguments: String

    public init(path: String, arguments: String = "") {
        self.path = path
        self.arguments = arguments
    }

    /// Parses `FILE ARGUMENTS...`, the syntax of boot loaders: the path ends at the first blank.
    /// - Returns: nil if there is no path.
    public init?(words: String) {
        let parts = words.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard let path = parts.first, !words.hasPrefix(" ") else { return nil }
        self.init(path: String(path), arguments: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
    }
}
