import Glibc
import LinuxSystem

/// The trace's file: one JSON object, complete after every write, so that whatever ends the program leaves a file that can be read.
///
/// Each write overwrites the two brackets with which the one before it ended. A pipe can't be written over: there they come at the end alone.
struct TraceFile: ~Copyable {
    private static let end = Array("\n]}\n".utf8)
    private let descriptor: Descriptor
    private let isFile: Bool
    private var size = 0
    /// What kept the file from being written; nothing more is written then.
    private(set) var failure: SystemCallError?

    /// - Throws: where the file can't be made.
    init(_ path: String) throws(OutputFileError) {
        let file = try OutputFile(path, for: .owner)
        isFile = file.isRegular
        descriptor = file.release()
    }

    /// How much was written, in bytes.
    var count: Int { size }

    mutating func append(_ bytes: [UInt8]) {
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
