/// A text that cannot occur in a stream by chance and so marks its end: the streams of the lab have no end of their own
/// that the host sees.
struct EndMark: Equatable, Sendable {
    let text: String

    /// A new one.
    init() {
        let words = (0..<2).map { _ in UInt64.random(in: 0 ... .max) }
        self.init(text: "\u{1}\u{1e}\(String(words[0], radix: 16))-\(String(words[1], radix: 16))\u{1e}")
    }

    init(text: String) {
        self.text = text
    }

    /// Watches a stream for the mark.
    struct Filter: Sendable {
        private let mark: [UInt8]
        private var held: [UInt8] = []
        /// Whether the mark came.
        private(set) var isAtEnd = false

        init(_ mark: EndMark) {
            self.mark = Array(mark.text.utf8)
        }

        /// Takes what came and answers what can be passed on: all but the mark, and but a tail that may be the mark's
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

        /// What is still held, where the stream broke off without a mark.
        mutating func flush() -> [UInt8] {
            defer { held = [] }
            return held
        }
    }
}
