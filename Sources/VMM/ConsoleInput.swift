import Glibc
import LinuxSystem

/// Carries what is typed, or what a file or pipe holds, to the serial port, no faster than the guest takes it.
struct ConsoleInput: ~Copyable {
    private enum State {
        case watched
        /// The guest is behind, or the source is a file that epoll can't watch: look again soon.
        case polled
        case ended
    }

    private static let backlogLimit = 4096
    private let source: Int32
    private let serial: SerialPort
    private let token: UInt64
    private var state: State

    init(_ source: Int32?, serial: SerialPort, loop: borrowing EventLoop, token: UInt64) {
        self.serial = serial
        self.token = token
        guard let source, isatty(source) == 0 || tcgetpgrp(source) == getpgrp() else {
            self.source = -1
            state = .ended
            return
        }
        self.source = source
        do throws(SystemCallError) {
            try loop.watch(source, token: token)
            state = .watched
        } catch {
            state = error.errno == .notPermitted ? .polled : .ended
        }
    }

    var needsPolling: Bool { state == .polled }

    /// Called after every wait of the loop.
    mutating func attend(_ isReady: Bool, _ loop: borrowing EventLoop) {
        switch state {
        case .ended: return
        case .watched: guard isReady else { return }
        case .polled: guard serial.backlog < Self.backlogLimit else { return }
        }
        guard serial.backlog < Self.backlogLimit else {
            loop.forget(source)
            state = .polled
            return
        }
        let count = withUnsafeTemporaryAllocation(byteCount: Self.backlogLimit, alignment: 1) { buffer in
            var entry = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) == 1 else { return -1 }
            let count = Glibc.read(source, buffer.baseAddress, buffer.count)
            if count > 0 { serial.receive(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
            return count
        }
        if count == 0 {
            loop.forget(source)
            state = .ended
        } else if state == .polled {
            // A pipe or terminal goes back to being watched; a file can't be.
            do throws(SystemCallError) {
                try loop.watch(source, token: token)
                state = .watched
            } catch {
                state = .polled
            }
        }
    }
}
