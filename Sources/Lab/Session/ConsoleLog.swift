import HostSystem

/// The kernel log of the lab's host, received over its first serial port.
struct ConsoleLog: Sendable {
    /// The last bytes; more than enough for a panic's report.
    private(set) var bytes: [UInt8] = []
    private static let limit = 256 << 10

    mutating func append(_ more: ArraySlice<UInt8>) {
        bytes += more
        if bytes.count > 2 * Self.limit { bytes.removeFirst(bytes.count - Self.limit) }
    }

    /// True if the kernel panicked. Searching only new lines would be cheaper; there are few.
    var hasPanic: Bool { bytes.firstRange(ofBytes: Array("Kernel panic - not syncing".utf8)) != nil }

    /// True if the host was shut down in good order.
    var hasPowerOff: Bool {
        ["reboot: Power down", "reboot: Restarting system", "reboot: System halted"].contains {
            bytes.firstRange(ofBytes: Array($0.utf8)) != nil
        }
    }

    /// The kernel's own reason for the panic.
    var panic: String? {
        lines.first { $0.contains("Kernel panic - not syncing") }.map(Self.withoutTime)
    }

    /// Returns the last lines, at most `count`, for a person.
    func tail(_ count: Int) -> [String] { Array(lines.suffix(count)) }

    private var lines: [String] {
        bytes.split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.filter { $0 >= 0x20 || $0 == 0x09 }, as: UTF8.self)
        }
    }

    private static func withoutTime(_ line: String) -> String {
        guard line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return line }
        return String(line[line.index(after: end)...].drop { $0 == " " })
    }
}
