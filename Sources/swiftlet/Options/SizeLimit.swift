import ArgumentParser
import LinuxSystem

/// `--file-limit SIZE|none`, `--log-limit SIZE|none`: the largest size of a file that a guest fills. docs/files.md.
struct SizeLimit: Equatable, ExpressibleByArgument, OptionValue, CustomStringConvertible {
    /// The default limits.
    static let console = SizeLimit(bytes: 1 << 30)
    static let trace = SizeLimit(bytes: 1 << 30)
    static let recording = SizeLimit(bytes: Recording.sizeLimit)
    static let suiteLog = SizeLimit(bytes: 64 << 20)

    /// The limit in bytes; nil for none.
    let bytes: Int?

    init(bytes: Int?) { self.bytes = bytes }

    init(option text: String) throws(BadValue) {
        guard text != "none" else {
            bytes = nil
            return
        }
        guard text != "0" else {
            throw BadValue("for no limit write none; the least is \(ByteCount(UInt64(FileLimit.least)).option)")
        }
        bytes = Int(
            try MemorySize.bytes(
                text, from: UInt64(FileLimit.least),
                excess: "that is more than a file can have; for no limit write none"))
    }

    init?(argument: String) {
        guard let limit = try? SizeLimit(option: argument) else { return nil }
        self = limit
    }

    var description: String { bytes.map { ByteCount(UInt64($0)).option } ?? "none" }
}
