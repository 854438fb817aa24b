import Glibc
import LinuxSystem

/// Carries what a file or pipe holds to the serial port, byte for byte and no faster than the guest takes it: the rest
/// stays where it is. Of a terminal: `TerminalInput`.
struct ConsoleInput: ~Copyable {
    private enum State {
        case watched
        /// The guest is behind, or the source is a file that epoll can't watch: looked at when the serial port has
        /// room.
        case unwatched
        case ended
    }

    private let source: Int32
    private let serial: SerialPort
    private let token: UInt64
    private var state: State

    init(_ source: Int32?, serial: SerialPort, loop: borrowing EventLoop, token: UInt64) {
        self.serial = serial
        self.token = token
        guard let source, isatty(source) == 0 else {
            self.source = -1
            state = .ended
            return
        }
        self.source = source
        do throws(SystemCallError) {
            try loop.watch(source, token: token)
            state = .watched
        } catch {
            state = error.errno == .notPermitted ? .unwatched : .ended
        }
        if case .unwatched = state { attend(true, loop) }
    }

    /// Called after every wait of the loop.
    /// - Parameter isReady: whether the source may have something. One that can't be watched always may.
    mutating func attend(_ isReady: Bool, _ loop: borrowing EventLoop) {
        switch state {
        case .ended: return
        case .watched: guard isReady else { return }
        case .unwatched: break
        }
        while true {
            let room = serial.room()
            guard room > 0 else {
                if state == .watched { loop.forget(source) }
                state = .unwatched
                return
            }
            let count = take(atMost: room)
            if count == 0 {
                if state == .watched { loop.forget(source) }
                state = .ended
                return
            }
            if state == .watched { return }
            // A pipe goes back to being watched; a file can't be.
            do throws(SystemCallError) {
                try loop.watch(source, token: token)
                state = .watched
                return
            } catch {
                guard count > 0 else { return }
            }
        }
    }

    /// - Returns: how many bytes came; 0 at the source's end, below 0 where there is nothing now.
    private func take(atMost limit: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer in
            var entry = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) == 1 else { return -1 }
            let count = Glibc.read(source, buffer.baseAddress, limit)
            // A source that fails for good ends here: it would be ready for ever.
            guard count >= 0 else { return errno == EINTR || errno == EAGAIN ? -1 : 0 }
            if count > 0 { serial.receive(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
            return count
        }
    }
}
