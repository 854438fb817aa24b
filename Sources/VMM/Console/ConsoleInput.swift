import Glibc
import LinuxSystem

/// Carries a file's or pipe's bytes to the serial port, no faster than the guest reads them: the rest stays in the
/// source. For a terminal: `TerminalInput`.
struct ConsoleInput: ~Copyable {
    private enum State {
        case watched
        /// The guest is behind, or the source is a file that epoll can't watch: read when the serial port has room.
        case unwatched
        case ended
    }

    private let source: Int32
    private let serial: SerialPort
    private let readiness = Readiness()
    private var watched: MainLoop.Source?
    private var state: State

    init(_ source: Int32?, serial: SerialPort, loop: MainLoop) {
        self.serial = serial
        guard let source, isatty(source) == 0 else {
            self.source = -1
            state = .ended
            return
        }
        self.source = source
        do throws(SystemCallError) {
            watched = try readiness.add(source, to: loop)
            state = .watched
        } catch {
            state = error.errno == .notPermitted ? .unwatched : .ended
        }
        if case .unwatched = state { carry(loop) }
    }

    private mutating func stopWatching(_ loop: MainLoop) {
        if let source = watched.take() { loop.remove(source) }
    }

    /// Passes on available bytes for which the port has room. Called after every wait of the loop.
    mutating func carry(_ loop: MainLoop) {
        let isReady = readiness.consume()
        switch state {
        case .ended: return
        case .watched: guard isReady else { return }
        case .unwatched: break
        }
        while true {
            let room = serial.room()
            guard room > 0 else {
                stopWatching(loop)
                state = .unwatched
                return
            }
            let count = read(atMost: room)
            if count == 0 {
                stopWatching(loop)
                state = .ended
                return
            }
            if state == .watched { return }
            // A pipe can be watched again; a file can't.
            do throws(SystemCallError) {
                watched = try readiness.add(source, to: loop)
                state = .watched
                return
            } catch {
                guard count > 0 else { return }
            }
        }
    }

    /// - Returns: the number of bytes read; 0 at the end of the source, below 0 if there are none now.
    private func read(atMost limit: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer in
            var entry = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) == 1 else { return -1 }
            let count = Glibc.read(source, buffer.baseAddress, limit)
            // A source with a permanent error ends here: epoll would report it forever.
            guard count >= 0 else { return errno == EINTR || errno == EAGAIN ? -1 : 0 }
            if count > 0 { serial.receive(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
            return count
        }
    }
}

/// A flag that a source of the main loop sets when it becomes ready.
final class Readiness {
    private var isReady = false

    /// Returns true if the source has become ready since the last call.
    func consume() -> Bool {
        defer { isReady = false }
        return isReady
    }

    func add(_ raw: Int32, to loop: MainLoop) throws(SystemCallError) -> MainLoop.Source {
        try loop.add(raw) { [self] in isReady = true }
    }
}
