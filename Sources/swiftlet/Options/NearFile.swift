import Bytes
import Glibc
import LinuxSystem
import Scripting
import VMM

/// Suggestions for a file that doesn't exist: kernels with versions in their names for `vmlinuz`.
enum NearFile {
    /// The largest number of suggestions.
    private static let limit = 4

    /// Returns an addition to an error's sentence: similar names of existing files; empty for other errors, and if
    /// there are none.
    static func hint(for error: any Error) -> String {
        let missing: (path: String, cause: SystemCallError)? =
            switch error {
            case MachineError.noKernel(let path, let cause), MachineError.noFirmware(let path, let cause): (path, cause)
            case let error as SymbolFileError: (error.path, error.cause)
            default: nil
            }
        guard let missing, missing.cause.errno == .noSuchFileOrDirectory else { return "" }
        let near = Self.near(missing.path)
        guard let first = near.first else { return "" }
        guard near.count > 1 else { return "; did you mean \(first)?" }
        let others = near.count > limit ? " and \(near.count - limit) more" : ""
        return "; there are \(near.prefix(limit).joined(separator: ", "))\(others)"
    }

    /// Returns files beside the path whose names begin with its name, or are similar.
    private static func near(_ path: String) -> [String] {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let directory = slash.map { String(path[...$0]) } ?? ""
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        guard !name.isEmpty, let listing = ByteText.withCString(directory.isEmpty ? "." : directory, { opendir($0) })
        else { return [] }
        defer { closedir(listing) }
        var (longer, slips) = ([String](), [String]())
        while let entry = readdir(listing) {
            let found = withUnsafeBytes(of: &entry.pointee.d_name) { ByteText.text($0.prefix { $0 != 0 }) }
            if name.utf8.count >= 3, found.hasPrefix(name) {
                longer.append(directory + found)
            } else if NearMiss.word(name, among: [found]) != nil, found != ".", found != ".." {
                slips.append(directory + found)
            }
        }
        return (longer.isEmpty ? slips : longer).sorted()
    }
}
