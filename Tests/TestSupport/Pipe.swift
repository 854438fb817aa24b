import Glibc
public import LinuxSystem

/// A pipe: one end for who is tested, the other for the test.
public struct Pipe: ~Copyable, Sendable {
    public let reading: Descriptor
    private var writing: Descriptor?
    /// The writing end, -1 once it was closed.
    public private(set) var input: Int32

    public init() throws(SystemCallError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .last("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reading = Descriptor(owning: ends[0], object: "a pipe")
        writing = Descriptor(owning: ends[1], object: "a pipe")
        input = ends[1]
    }

    /// The writing end of a pipe whose reader is gone.
    public static func withoutReader() throws(SystemCallError) -> Descriptor {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .last("pipe") }
        close(ends[0])
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        return Descriptor(owning: ends[1], object: "a pipe")
    }

    public mutating func closeWriting() {
        writing = nil
        input = -1
    }

    /// What there is to read now, nothing where there is none.
    public func readAvailable() -> [UInt8] {
        var bytes: [UInt8] = []
        var entry = pollfd(fd: reading.raw, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) == 1, let chunk = readChunk(), !chunk.isEmpty { bytes += chunk }
        return bytes
    }

    /// Waits for at most a chunk of bytes; empty at the end.
    public func readChunk(_ limit: Int = 1 << 16) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: limit)
        let count = read(reading.raw, &chunk, limit)
        return count < 0 ? nil : Array(chunk[0..<count])
    }
}
