// The C library's stream is a variable to the compiler.
@preconcurrency import Glibc

/// Standard output, as commands use it that print: help, `devices`, completion scripts.
enum StandardOutput {
    /// Has the process end with 73 and a sentence where something printed could not be written: a full disk must not
    /// read as success.
    static func watch() {
        atexit {
            let isFlushed = fflush(stdout) == 0
            let number = errno
            guard !isFlushed || ferror(stdout) != 0 else { return }
            StandardError.say(
                "standard output can't be written\(isFlushed ? "" : ": \(String(cString: strerror(number)))")")
            _exit(ExitStatus.cannotCreate)
        }
    }

    /// Writes a text now.
    /// - Returns: false where not all of it could be written, which has been said then.
    static func write(_ text: String) -> Bool {
        guard let failure = OutputStream.write(Array(text.utf8), to: 1) else { return true }
        StandardError.say("standard output can't be written: \(failure.errno)")
        return false
    }
}
