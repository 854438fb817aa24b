import Glibc

/// One descriptor to wait for, by poll(2), which takes regular files and terminals too, as epoll doesn't.
struct Wait {
    private let descriptor: Int32
    private let events: Int32
    /// Whether it can be read or written now, or has failed, which reading or writing will tell.
    private(set) var isReady = false

    /// - Parameters:
    ///   - descriptor: negative is never ready.
    ///   - events: `POLLIN` or `POLLOUT`.
    ///   - condition: whether it is waited for at all.
    init(_ descriptor: Int32, _ events: Int32, if condition: Bool = true) {
        self.descriptor = condition ? descriptor : -1
        self.events = events
    }

    /// Waits until one is ready, the time is over, or a signal came.
    /// - Returns: how many are ready.
    static func poll(_ waits: inout [Wait], milliseconds: Int32) -> Int {
        var entries = waits.map { pollfd(fd: $0.descriptor, events: Int16($0.events), revents: 0) }
        let count = Glibc.poll(&entries, nfds_t(entries.count), milliseconds)
        for index in waits.indices { waits[index].isReady = count > 0 && entries[index].revents != 0 }
        return Int(count)
    }
}
