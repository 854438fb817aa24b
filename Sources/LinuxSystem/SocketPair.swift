import Glibc

/// Two connected stream sockets: one to keep, one to hand to a child. See socketpair(2).
public struct SocketPair: ~Copyable, Sendable {
    /// The end to keep; non-blocking.
    public let near: Descriptor
    /// The end for the child, nil once it was handed over.
    public private(set) var far: Descriptor?

    /// - Parameter object: what the connection is for, for error sentences.
    public init(_ object: String) throws(SystemCallError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .last("socketpair", object)
        }
        near = Descriptor(owning: ends[0], object: object)
        far = Descriptor(owning: ends[1], object: object)
        // Only the near end: the two ends are separate open files, and a child may expect to block.
        guard fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 else { throw .last("fcntl", object) }
    }

    /// Closes this process's copy of the far end, so that the near end sees when the child's is closed.
    public mutating func closeFar() {
        far = nil
    }
}
