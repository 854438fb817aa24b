import Bytes
import CArguments
import Glibc

/// What the program was started with.
enum ProgramArguments {
    /// The program's name and the words behind it, as execve(2) gave them; see CArguments.h.
    static var words: [String] {
        (0..<ca_count()).compactMap { index in ca_argument(index).map(Self.text) }
    }

    /// Bytes that are not UTF-8 stay what they are: see `ByteText`.
    private static func text(_ argument: UnsafePointer<CChar>) -> String {
        if let text = String(validatingCString: argument), !text.utf8.contains(ByteText.mark) { return text }
        return ByteText.text(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
    }
}
