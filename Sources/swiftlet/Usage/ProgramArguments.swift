import CArguments

/// What the program was started with.
enum ProgramArguments {
    /// The program's name and the words behind it, as execve(2) gave them; see CArguments.h.
    static var words: [String] {
        (0..<ca_count()).compactMap { index in ca_argument(index).map { String(cString: $0) } }
    }
}
