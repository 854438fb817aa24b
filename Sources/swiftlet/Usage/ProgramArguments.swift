import Bytes
import CArguments
import Glibc

/// The program's arguments.
enum ProgramArguments {
    /// The program's name and its arguments, from execve(2); see CArguments.h.
    static var words: [String] {
        (0..<ca_count()).compactMap { index in ca_argument(index).map(Self.text) }
    }

    /// Converts an argument; bytes that are not UTF-8 are preserved: see `ByteText`.
    private static func text(_ argument: UnsafePointer<CChar>) -> String {
        if let text = String(validatingCString: argument), !text.utf8.contains(ByteText.mark) { return text }
        return ByteText.text(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
    }
}
