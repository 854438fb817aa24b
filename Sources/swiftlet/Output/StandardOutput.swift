// The compiler considers the C library's stream a variable.
@preconcurrency import Glibc

/// Standard output for commands that print: help, `devices`, completion scripts.
enum StandardOutput {
    /// Makes the process end with 73 and a message if printed output could not be written: a full disk must not look
    /// like success.
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
    /// - Returns: false if not all of it could be written, which has been reported.
    static func write(_ text: String) -> Bool {
        guard let failure = OutputStream.write(Array(text.utf8), to: 1) else { return true }
        StandardError.say("standard output can't be written: \(failure.errno)")
        return false
    }
}
