/// A regular expression over bytes, for `--expect`, `--fail-on` and `--send`; docs/verdicts.md has the syntax.
///
/// There are no back references and no lookaround: a byte costs a bounded time, for every expression and every output
/// of a guest.
public struct RegularExpression: Sendable, Equatable, CustomStringConvertible {
    /// The text that it was parsed from.
    public let text: String
    let node: Node
    /// The number of its steps, 1...`PatternProgram.sizeLimit`.
    let size: Int

    /// The largest size of the text in bytes, far more than the steps of an expression need.
    static let lengthLimit = 16384

    /// The syntax tree of an expression.
    indirect enum Node: Sendable {
        case bytes(ByteSet)
        case assertion(Assertion)
        case sequence([Node])
        case choice([Node])
        /// At least `minimum` times, at most `maximum` times; nil: no limit.
        case repeated(Node, minimum: Int, maximum: Int?)
    }

    /// A check of the two bytes beside a position, which consumes none.
    enum Assertion: Sendable {
        case lineStart, lineEnd, wordBoundary, noWordBoundary
    }

    /// The reason why a text is no expression.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        /// The wrong character, counted from 1.
        public let place: Int
        public let reason: String

        public var description: String { "character \(place): \(reason)" }
    }

    /// Parses an expression.
    /// - Throws: `Malformed`, also for an expression that is too large, or that matches an empty text and so would
    ///   always be seen.
    public init(_ text: String) throws(Malformed) {
        guard text.utf8.count <= Self.lengthLimit else {
            throw Malformed(
                place: 1,
                reason: "the expression is too long: it has \(text.utf8.count) bytes, and may have \(Self.lengthLimit)")
        }
        var parser = RegularExpressionParser(text)
        node = try parser.parse()
        self.text = text
        size = PatternProgram.size(of: node)
        guard size <= PatternProgram.sizeLimit else {
            throw Malformed(
                place: 1,
                reason:
                    """
                    the expression is too large: written out, its repetitions take more than \
                    \(PatternProgram.sizeLimit) steps
                    """
            )
        }
        guard !Self.isNullable(node) else {
            throw Malformed(
                place: 1, reason: "the empty text matches this, so it would be seen before the guest has said anything")
        }
    }

    public var description: String { text }

    public static func == (left: RegularExpression, right: RegularExpression) -> Bool { left.text == right.text }

    private static func isNullable(_ node: Node) -> Bool {
        switch node {
        case .assertion(.lineStart): true
        case .bytes, .assertion: false
        case .sequence(let nodes): nodes.allSatisfy(isNullable)
        case .choice(let nodes): nodes.contains(where: isNullable)
        case .repeated(let node, let minimum, _): minimum == 0 || isNullable(node)
        }
    }
}
