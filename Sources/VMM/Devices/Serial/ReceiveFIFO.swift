/// The receiver's FIFO of a 16550A: sixteen bytes, in order. PC16550D data sheet, section 8.4.
///
/// A value of fixed size, so that the exit loop allocates nothing.
struct ReceiveFIFO: Sendable, Equatable {
    static let size = 16
    private var bytes = InlineArray<16, UInt8>(repeating: 0)
    private var start = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Appends a byte; drops it if the FIFO is full.
    mutating func append(_ byte: UInt8) {
        guard count < Self.size else { return }
        bytes[(start + count) % Self.size] = byte
        count += 1
    }

    /// Removes and returns the oldest byte; nil if the FIFO is empty.
    mutating func removeFirst() -> UInt8? {
        guard count > 0 else { return nil }
        let byte = bytes[start]
        start = (start + 1) % Self.size
        count -= 1
        return byte
    }

    mutating func removeAll() { count = 0 }

    /// True if both hold the same bytes, at any place in the array.
    static func == (left: ReceiveFIFO, right: ReceiveFIFO) -> Bool {
        left.count == right.count
            && (0..<left.count).allSatisfy {
                left.bytes[(left.start + $0) % size] == right.bytes[(right.start + $0) % size]
            }
    }
}

/// Bytes for the guest that the UART has not received yet, in order.
///
/// Only the main thread appends, and limits the size; removing allocates nothing.
struct WaitingInput: Sendable, Equatable {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        // Removed bytes are freed now: a guest that always leaves a byte must not make this as long as its whole input.
        bytes.removeFirst(start)
        start = 0
        bytes.append(contentsOf: more)
    }

    mutating func removeFirst() -> UInt8? {
        guard start < bytes.count else { return nil }
        start += 1
        return bytes[start - 1]
    }

    static func == (left: WaitingInput, right: WaitingInput) -> Bool {
        left.bytes[left.start...] == right.bytes[right.start...]
    }
}
