/// A random text that marks the end of a stream: the host does not see the end of the lab's streams otherwise.
struct EndMark: Equatable, Sendable {
    let text: String

    /// Creates a new one.
    init() {
        let words = (0..<2).map { _ in UInt64.random(in: 0 ... .max) }
        self.init(text: "\u{1}\u{1e}\(String(words[0], radix: 16))-\(String(words[1], radix: 16))\u{1e}")
    }

    init(text: String) {
        self.text = text
    }

    /// Searches a stream for the mark.
    struct Filter: Sendable {
        private let mark: [UInt8]
        private var held: [UInt8] = []
        /// True once the mark was received.
        private(set) var isAtEnd = false

        init(_ mark: EndMark) {
            self.mark = Array(mark.text.utf8)
        }

        /// Takes received bytes and returns those to pass on: all but the mark, and but a tail that may be the mark's
        /// beginning.
        mutating func pass(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
            var all = held
            all += bytes
            let tail = (1...mark.count).reversed().first { count in
                count <= all.count && all[(all.count - count)...].elementsEqual(mark[..<count])
            }
            held = tail.map { Array(all.suffix($0)) } ?? []
            isAtEnd = held.count == mark.count
            all.removeLast(held.count)
            if isAtEnd { held = [] }
            return all
        }

        /// Returns the tail that is still held, if the stream ended without a mark.
        mutating func flush() -> [UInt8] {
            defer { held = [] }
            return held
        }
    }
}
