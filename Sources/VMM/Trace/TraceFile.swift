import Glibc
import LinuxSystem

/// The trace's file: one JSON object, complete after every write, so that whatever ends the program leaves a file that
/// can be read.
///
/// Each write overwrites the two brackets with which the one before it ended. A pipe can't be written over: there they
/// come at the end alone.
struct TraceFile: ~Copyable {
    private static let end = Array("\n]}\n".utf8)
    /// Bytes kept free for what is said of the trace's end: `appendLast`.
    private static let reserve = 16 << 10
    private let descriptor: Descriptor
    private let isFile: Bool
    private var size = 0
    /// Bytes of all but the last events.
    private let room: Int
    /// Whether the file has reached its limit: no event but the last ones is written any more.
    private(set) var isCut = false
    /// How many events the limit took.
    private(set) var missing = 0
    /// What kept the file from being written; nothing more is written then.
    private(set) var failure: SystemCallError?

    /// - Parameters:
    ///   - limit: how large it may become; a pipe has none.
    ///   - beginning: what stands before all events.
    /// - Throws: where the file can't be made.
    init(_ path: String, limit: FileLimit, beginning: [UInt8]) throws(OutputFileError) {
        let file = try OutputFile(path, for: .owner)
        isFile = file.isRegular
        descriptor = file.release()
        room = FileLimit.holds(for: descriptor.raw) ? limit.bytes - Self.reserve : .max
        put(beginning)
    }

    /// Writes events, as `TraceText` has them, or those of them that have room, and counts the others.
    mutating func append(_ events: [UInt8]) {
        guard !isCut, size + events.count > room else { return isCut ? miss(Self.count(events[...])) : put(events) }
        isCut = true
        // An event begins with a comma and a line end, which no text in it has.
        var end = min(max(room - size, 0), events.count - 1)
        while end > 0, events[end] != 0x0A || events[end - 1] != UInt8(ascii: ",") { end -= 1 }
        let kept = max(end - 1, 0)
        if kept > 0 { put(Array(events[..<kept])) }
        miss(Self.count(events[kept...]))
    }

    /// Counts events that nobody put into words.
    mutating func miss(_ count: Int) { missing += count }

    /// Writes what is said of the trace's end, limit or no limit. Some KiB in all.
    mutating func appendLast(_ events: [UInt8]) { put(events) }

    private static func count(_ events: ArraySlice<UInt8>) -> Int { events.count { $0 == 0x0A } }

    private mutating func put(_ bytes: [UInt8]) {
        write(isFile ? bytes + Self.end : bytes)
        size += bytes.count
    }

    mutating func close() {
        if !isFile { write(Self.end) }
    }

    private mutating func write(_ bytes: [UInt8]) {
        guard failure == nil else { return }
        do throws(SystemCallError) {
            var error: SystemCallError?
            bytes.withUnsafeBytes { bytes in
                do throws(SystemCallError) {
                    if isFile { return try descriptor.write(bytes, at: UInt64(size)) }
                    try BlockingCall.write(bytes, to: descriptor.raw, descriptor.object)
                } catch let cause {
                    error = cause
                }
            }
            if let error { throw error }
        } catch {
            failure = error
        }
    }
}
