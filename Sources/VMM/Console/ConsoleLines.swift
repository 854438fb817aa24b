/// Finds where lines of a console begin, byte by byte.
///
/// A line begins with the first byte that is neither a carriage return nor comes after something else than a line's
/// end. A carriage return that no line feed follows ends a line too: what comes next is written over it, as by a
/// progress display.
struct ConsoleLines {
    private enum Place {
        case start, inside, afterReturn
    }

    private var place = Place.start

    /// Whether a line begins with this byte.
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

/// A line's beginning among bytes that were taken together.
struct ConsoleLineStart: BitwiseCopyable {
    /// Of its first byte.
    let offset: Int
    /// When that byte came, by `MonotonicClock`.
    let time: UInt64
}
