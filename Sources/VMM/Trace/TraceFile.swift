import Glibc
import LinuxSystem

/// The trace's file: one JSON object, complete after every write, so that the file can be read even if the program is
/// killed.
///
/// Each write overwrites the two closing brackets of the previous one. A pipe can't be overwritten: there they are
/// written only at the end.
struct TraceFile: ~Copyable {
    private static let end = Array("\n]}\n".utf8)
    /// Bytes reserved for the last events: `appendLast`.
    private static let reserve = 16 << 10
    private let descriptor: Descriptor
    private let isFile: Bool
    private var size = 0
    /// The room for all but the last events, in bytes.
    private let room: Int
    /// True once the file has reached its limit: only the last events are written then.
    private(set) var isCut = false
    /// The number of events dropped because of the limit.
    private(set) var missing = 0
    /// The error that ended writing the file.
    private(set) var failure: SystemCallError?

    /// - Parameters:
    ///   - limit: the largest size; a pipe has none.
    ///   - beginning: the text before all events.
    /// - Throws: an error if the file can't be created.
    init(_ path: String, limit: FileLimit, beginning: [UInt8]) throws(OutputFileError) {
        let file = try OutputFile(path, for: .owner)
        isFile = file.isRegular
        descriptor = file.release()
        room = FileLimit.holds(for: descriptor.raw) ? limit.bytes - Self.reserve : .max
        put(beginning)
    }

    /// Writes events in `TraceText`'s form, as many as have room, and counts the others.
    mutating func append(_ events: [UInt8]) {
        guard !isCut, size + events.count > room else { return isCut ? miss(Self.count(events[...])) : put(events) }
        isCut = true
        // An event begins with a comma and a line end, which no text in it contains.
        var end = min(max(room - size, 0), events.count - 1)
        while end > 0, events[end] != 0x0A || events[end - 1] != UInt8(ascii: ",") { end -= 1 }
        let kept = max(end - 1, 0)
        if kept > 0 { put(Array(events[..<kept])) }
        miss(Self.count(events[kept...]))
    }

    /// Counts events that were not formatted.
    mutating func miss(_ count: Int) { missing += count }

    /// Writes the last events regardless of the limit. Some KiB in all.
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
