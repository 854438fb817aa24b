import Glibc

/// Two connected stream sockets: one to keep, one to hand to a child. See socketpair(2).
public struct SocketPair: ~Copyable, Sendable {
    /// The end to keep; non-blocking.
    public let near: Descriptor
    private var farEnd: Descriptor?
    /// The descriptor for the child, -1 after `closeFar`.
    public var far: Int32 {
        switch farEnd {
        case .some(let descriptor): descriptor.raw
        case .none: -1
        }
    }

    /// - Parameter object: the purpose of the connection, for error messages.
    public init(_ object: String) throws(SystemCallError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .last("socketpair", object)
        }
        // Only the near end: the two ends are separate open files, and a child may expect to block.
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        near = Descriptor(owning: ends[0], object: object)
        farEnd = Descriptor(owning: ends[1], object: object)
    }

    /// Closes this process's copy of the far end, so that the near end sees the child close its own.
    public mutating func closeFar() {
        farEnd = nil
    }
}
