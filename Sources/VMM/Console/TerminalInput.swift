import Glibc
import LinuxSystem

/// Carries input typed at a terminal to the serial port, except the keys for swiftlet.
///
/// These keys must work even if the guest reads nothing: the terminal is read all the time, and bytes that the guest
/// has not read yet wait here.
struct TerminalInput: ~Copyable {
    /// The largest number of bytes that may be typed ahead, or pasted.
    static let limit = 1 << 20

    private let source: Int32
    private let keys: TerminalKeys
    /// Takes our own words.
    private let words: ConsoleDestination?
    private let serial: SerialPort
    private let readiness = Readiness()
    private var watched: MainLoop.Source?
    /// True if the loss of input was reported.
    private var isLossTold = false

    /// Returns nil if the source is no terminal, or not one that swiftlet may read: see `Terminal`.
    init?(
        _ source: Int32?, _ keys: TerminalKeys, words: ConsoleDestination?, serial: SerialPort, loop: MainLoop
    ) {
        guard let source, isatty(source) == 1, tcgetpgrp(source) == getpgrp() else { return nil }
        do throws(SystemCallError) { watched = try readiness.add(source, to: loop) } catch { return nil }
        (self.source, self.keys, self.words, self.serial) = (source, keys, words, serial)
    }

    /// Reads typed input and passes on the bytes for which the port has room. Called after every wait of the loop.
    /// - Returns: true if the user ends the run.
    mutating func carry(_ loop: MainLoop) -> Bool {
        if readiness.consume(), read(loop) == .end { return true }
        handOver()
        return false
    }

    private mutating func read(_ loop: MainLoop) -> TerminalKeys.Command? {
        var command: TerminalKeys.Command?
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            var entry = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) == 1 else { return }
            let count = Glibc.read(source, buffer.baseAddress, buffer.count)
            guard count > 0 else {
                // epoll would report a terminal that is gone forever; its hangup signal comes separately.
                if count == 0 || errno != EINTR && errno != EAGAIN {
                    if let gone = watched.take() { loop.remove(gone) }
                }
                return
            }
            command = keys.process(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
        if command == .help { say(keys.help) }
        if keys.drop(beyond: Self.limit) {
            if !isLossTold {
                say("\r\nswiftlet: the guest takes no input; what is typed now is lost (^A x ends the run)\r\n")
            }
            isLossTold = true
        }
        return command
    }

    private mutating func handOver() {
        // Without room the port signals when it has some.
        while !keys.pending.isEmpty {
            let count = min(serial.room(), keys.pending.count)
            guard count > 0 else { return }
            keys.pending.withUnsafeBytes { serial.receive(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
            keys.hasTaken(count)
            isLossTold = false
        }
    }

    /// Puts words on the terminal as far as it takes them at once: one that is stopped would wait.
    private func say(_ text: String) {
        guard let words, words.neverWaits else { return }
        _ = Array(text.utf8).withUnsafeBytes { words.write($0) }
    }
}
