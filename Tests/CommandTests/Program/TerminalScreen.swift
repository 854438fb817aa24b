import Glibc
import LinuxSystem

/// A pseudo-terminal and what a person sees on it, for what our programs write: text, line ends, and the sequences they
/// use.
final class TerminalScreen {
    /// A sequence that this terminal doesn't know.
    struct Unknown: Error, CustomStringConvertible {
        let sequence: String
        var description: String { "an unknown sequence: \(sequence.debugDescription)" }
    }

    let columns: Int
    /// Its master's side; what is written here are keys.
    let master: Descriptor
    /// The device that a program has for its terminal.
    let path: String
    /// Everything that was written to it.
    private(set) var bytes: [UInt8] = []

    init(columns: Int) throws {
        self.columns = columns
        master = try Descriptor(opening: "/dev/ptmx", flags: O_RDWR | O_NOCTTY | O_NONBLOCK)
        var (lock, number) = (Int32(0), Int32(0))
        // pts(4).
        _ = try master.ioctl(IoctlRequest(0x4004_5431, "TIOCSPTLCK"), &lock)
        _ = try master.ioctl(IoctlRequest(0x8004_5430, "TIOCGPTN"), &number)
        path = "/dev/pts/\(number)"
    }

    func type(_ keys: String) { _ = Array(keys.utf8).withUnsafeBytes { write(master.raw, $0.baseAddress, $0.count) } }

    /// Takes what came meanwhile.
    func read() {
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(master.raw, &piece, piece.count)
            guard count > 0 else { return }
            bytes += piece[..<count]
        }
    }

    /// Its lines as they stand, without colors and blank lines at the end, nothing ever scrolled away.
    func lines() throws -> [String] {
        read()
        var rows: [[UInt8]] = [[]]
        var (row, column) = (0, 0)
        func put(_ byte: UInt8) {
            if column == columns {
                (row, column) = (row + 1, 0)
                if row == rows.count { rows.append([]) }
            }
            while rows[row].count <= column { rows[row].append(0x20) }
            rows[row][column] = byte
            column += 1
        }
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x0D: column = 0
            case 0x0A:
                row += 1
                if row == rows.count { rows.append([]) }
            case 0x1B:
                let sequence = String(
                    decoding: rest.prefix(while: { !(0x40...0x7E).contains($0) || $0 == 0x5B }), as: UTF8.self)
                rest = rest.dropFirst(sequence.utf8.count)
                let last = rest.popFirst() ?? 0
                let number = Int(sequence.dropFirst()) ?? 0
                switch last {
                case UInt8(ascii: "A"): row = max(row - max(number, 1), 0)
                case UInt8(ascii: "J") where number == 0:
                    rows = Array(rows[...row])
                    rows[row] = Array(rows[row].prefix(column))
                case UInt8(ascii: "m"): break
                default: throw Unknown(sequence: sequence + String(UnicodeScalar(last)))
                }
            default: put(byte)
            }
        }
        return rows.map { String(decoding: $0, as: UTF8.self) }.reversed().drop { $0.isEmpty }.reversed()
    }
}
