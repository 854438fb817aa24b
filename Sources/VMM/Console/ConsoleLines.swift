/// Finds the starts of a console's lines, byte by byte.
///
/// A line starts with the first byte after a line's end that is not a carriage return. A carriage return without a line
/// feed ends a line too: the next text overwrites it, as in a progress display.
struct ConsoleLines {
    private enum Place {
        case start, inside, afterReturn
    }

    private var place = Place.start

    /// Returns true if a line starts with this byte.
    mutating func begins(with byte: UInt8) -> Bool {
        switch (place, byte) {
        case (.start, 0x0D), (.afterReturn, 0x0D): return false
        case (.start, 0x0A): return true
        case (.inside, 0x0A), (.afterReturn, 0x0A): place = .start
        case (.inside, 0x0D): place = .afterReturn
        case (.inside, _): return false
        default:
            place = .inside
            return true
        }
        return false
    }
}

/// The start of a line in a piece of the console.
struct ConsoleLineStart: BitwiseCopyable {
    /// The offset of its first byte.
    let offset: Int
    /// The time of that byte, by `MonotonicClock`.
    let time: UInt64
}
