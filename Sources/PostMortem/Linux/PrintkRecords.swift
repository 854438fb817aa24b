import Bytes

/// The log of Linux 3.5 to 5.9: consecutive records, `struct printk_log` in kernel/printk/printk.c. A record has the
/// time (8 bytes), its size, the sizes of its text and of its dictionary (2 each), facility and level (2), since 5.1
/// optionally the caller (4), and the text.
struct PrintkRecords {
    /// The place of a record's text.
    private struct Place {
        let nanoseconds: UInt64
        let text: UInt64
        let count: Int
    }

    private let places: [Place]
    private let read: (UInt64, Int) -> [UInt8]?

    /// The largest number of records visited in one log.
    private static let stepLimit = 20_000

    /// - Parameters:
    ///   - address: of the buffer.
    ///   - size: of the buffer in bytes.
    ///   - first: the offset of the oldest record.
    ///   - next: the offset of the next record to be written; nil if unknown: then the first invalid record ends the
    ///     log.
    ///   - read: returns bytes at an address.
    init(at address: UInt64, size: UInt64, first: UInt64, next: UInt64?, read: @escaping (UInt64, Int) -> [UInt8]?) {
        var places: [Place] = []
        var place = first
        for _ in 0..<Self.stepLimit {
            guard place != next, size >= 16, place <= size - 16, let header = read(address &+ place, 20) else { break }
            let length = header.littleEndian(at: 8, count: 2)
            guard length > 0 else {
                // No room for the next one: it is at the start.
                guard place > 0, next != nil else { break }
                place = 0
                continue
            }
            let text = header.littleEndian(at: 10, count: 2)
            // The number of the caller: none of a text's first bytes is zero.
            let start: UInt64 = text >= 4 && header[16..<20].contains(0) ? 20 : 16
            guard length >= start + text, length <= size - place else { break }
            places.append(
                Place(
                    nanoseconds: header.littleEndian(at: 0, count: 8), text: address &+ place &+ start,
                    count: Int(min(text, 4096))))
            place += length
        }
        self.places = places
        self.read = read
    }

    /// The records, newest first.
    var newestFirst: some Sequence<KernelLog.Record> {
        places.reversed().lazy.compactMap { place in
            read(place.text, place.count).map { KernelLog.Record(nanoseconds: place.nanoseconds, text: $0) }
        }
    }
}

/// The log of Linux before 3.5: plain text, each line preceded by its level.
enum PlainLog {
    /// Returns the lines of a text as records, newest first.
    static func newestFirst(_ text: [UInt8]) -> [KernelLog.Record] {
        text.split(separator: 10).reversed().prefix(KernelLog.lineLimit).map {
            KernelLog.Record(text: Array(withoutLevel($0)))
        }
    }

    /// Removes `<6>` and its like.
    private static func withoutLevel(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard line.first == UInt8(ascii: "<"), let end = line.prefix(6).firstIndex(of: UInt8(ascii: ">")) else {
            return line
        }
        let digits = line[(line.startIndex + 1)..<end]
        return !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) } ? line[(end + 1)...] : line
    }
}
