import Glibc

/// One descriptor to wait for, by poll(2), which unlike epoll also supports regular files and terminals.
struct Wait {
    private let descriptor: Int32
    private let events: Int32
    /// True if it can be read or written now, or has failed, which the next call reports.
    private(set) var isReady = false

    /// - Parameters:
    ///   - descriptor: a negative one is never ready.
    ///   - events: `POLLIN` or `POLLOUT`.
    ///   - condition: false to ignore it.
    init(_ descriptor: Int32, _ events: Int32, if condition: Bool = true) {
        self.descriptor = condition ? descriptor : -1
        self.events = events
    }

    /// Waits until one is ready, the time is over, or a signal came.
    /// - Returns: the number of ready ones.
    static func poll(_ waits: inout [Wait], milliseconds: Int32) -> Int {
        var entries = waits.map { pollfd(fd: $0.descriptor, events: Int16($0.events), revents: 0) }
        let count = Glibc.poll(&entries, nfds_t(entries.count), milliseconds)
        for index in waits.indices { waits[index].isReady = count > 0 && entries[index].revents != 0 }
        return Int(count)
    }
}
