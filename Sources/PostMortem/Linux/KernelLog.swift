public import X86

/// A Linux kernel's log, read from its memory if its console showed little or nothing. The guest wrote it, so nothing
/// in it is trusted.
public struct KernelLog: Sendable, Equatable {
    /// The way in which it was found.
    public enum Source: String, Sendable {
        /// By the names of the kernel's variables.
        case symbols
        /// By the text at the start of every such log.
        case pattern
    }

    /// The largest number of lines kept: the last ones.
    public static let lineLimit = 1000
    /// The largest number of bytes kept of a line.
    public static let lineLength = 1024
    /// The largest number of bytes of all lines together.
    public static let byteLimit = 256 << 10

    public let source: Source
    /// The lines, oldest first, without line ends. Known times precede them in printk's format.
    public let lines: [String]

    /// The kernel's own reason for a panic; nil if it did not panic.
    public var panic: String? {
        let words = "Kernel panic - not syncing"
        let line = lines.first { $0.contains(words) && !$0.contains("[ end Kernel panic") }
        guard let line, let start = line.firstRange(of: words)?.lowerBound else { return nil }
        return String(line[start...])
    }

    /// - Parameter records: the newest first, as a reader finds them; those beyond the limits are not requested.
    init?(_ source: Source, newestFirst records: some Sequence<Record>) {
        var lines: [String] = []
        var bytes = 0
        reading: for record in records {
            for line in record.lines.reversed() {
                bytes += line.utf8.count
                guard lines.count < Self.lineLimit, bytes <= Self.byteLimit else { break reading }
                lines.append(line)
            }
        }
        guard !lines.isEmpty else { return nil }
        self.source = source
        self.lines = lines.reversed()
    }

    /// The text of one printk call.
    struct Record: Equatable {
        /// The time since the kernel's start; nil if unknown.
        var nanoseconds: UInt64?
        var text: [UInt8]

        /// The text's lines, each preceded by the time: print_time in kernel/printk/printk.c.
        var lines: [String] {
            var text = text[...]
            while text.last == 0 || text.last == 10 { text = text.dropLast() }
            let parts = text.split(separator: 10, omittingEmptySubsequences: false)
            return parts.map { part in stamp + Self.shown(part.prefix(KernelLog.lineLength)) }
        }

        private var stamp: String {
            guard let nanoseconds else { return "" }
            let (seconds, micros) = (String(nanoseconds / 1_000_000_000), String(nanoseconds % 1_000_000_000 / 1000))
            return "[" + String(repeating: " ", count: max(5 - seconds.count, 0)) + seconds + "."
                + String(repeating: "0", count: 6 - micros.count) + micros
                + "] "
        }

        /// Replaces bytes that are not UTF-8 by `\xNN`, as in /dev/kmsg. Control characters are left to the code that
        /// displays the text.
        private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
            if let text = String(validating: bytes, as: UTF8.self) { return text }
            var result = ""
            for byte in bytes {
                if (0x20..<0x7F).contains(byte) {
                    result.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    result += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
                }
            }
            return result
        }
    }
}

extension KernelLog {
    /// Reads the log by the kernel's symbols: of Linux 5.10 and later, of 3.5 to 5.9, and of earlier ones.
    ///
    /// - Parameters:
    ///   - symbols: including the offset of a kernel that relocated itself.
    ///   - width: of a pointer: 8 bytes, or 4.
    /// - Returns: nil if there are no such symbols, or no valid log at their addresses.
    public init?(_ symbols: SymbolTable, _ memory: VirtualMemory<some PhysicalMemory>, width: Int) {
        func place(_ name: String) -> UInt64? { symbols.address(of: name).map { $0 &+ symbols.offset } }
        func value(_ name: String, _ count: Int) -> UInt64? {
            place(name).flatMap { memory.number(at: $0, count: count) }
        }
        // The kernel uses the one that `prb` points to: another one if the log was enlarged.
        for ring in [value("prb", width), place("printk_rb_static")] {
            if let ring, let ring = PrintkRing(at: ring, memory, width: width),
                let log = KernelLog(.symbols, newestFirst: ring.newestFirst)
            {
                self = log
                return
            }
        }
        guard let buffer = value("log_buf", width) ?? place("__log_buf"), let size = value("log_buf_len", 4) else {
            return nil
        }
        if let first = value("log_first_idx", 4), let next = value("log_next_idx", 4) {
            let records = PrintkRecords(at: buffer, size: size, first: first, next: next) {
                memory.read(at: $0, count: $1)
            }
            self.init(.symbols, newestFirst: records.newestFirst)
        } else if let end = value("log_end", 4), let count = value("logged_chars", 4) {
            guard size > 0, size & (size - 1) == 0, count <= size else { return nil }
            let kept = min(count, UInt64(Self.byteLimit))
            var text: [UInt8] = []
            while text.count < kept {
                let offset = (end &- (kept - UInt64(text.count))) & (size - 1)
                let piece = min(kept - UInt64(text.count), size - offset, 4096)
                guard let bytes = memory.read(at: buffer &+ offset, count: Int(piece)) else { return nil }
                text += bytes
            }
            self.init(.symbols, newestFirst: PlainLog.newestFirst(text))
        } else {
            return nil
        }
    }
}
