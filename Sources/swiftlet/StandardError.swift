import Glibc
import Scripting

/// swiftlet's own words on standard error.
enum StandardError {
    /// Says one line. Whatever a guest, a file or a name has brought into it is only shown: `VisibleText`.
    /// - Parameter name: who speaks, before a colon.
    static func say(_ text: String, as name: String = "swiftlet") {
        let line = Array("\(name): \(VisibleText.line(text))\n".utf8)
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
