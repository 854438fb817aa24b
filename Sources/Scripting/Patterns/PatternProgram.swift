/// Regular expressions as one nondeterministic automaton: Thompson's construction.
struct PatternProgram: Sendable {
    enum Kind: Sendable, Equatable {
        case bytes, split, match
        case assertion(RegularExpression.Assertion)
    }

    /// The largest number of instructions of an expression.
    static let sizeLimit = 1000

    private var kinds: [Kind] = []
    /// The successor of an instruction; for a match, its expression.
    private var firsts: [Int32] = []
    /// The second successor of a split.
    private var seconds: [Int32] = []
    /// Four words per instruction: one bit for each byte value that it matches.
    private var words: [UInt64] = []
    private(set) var hasAssertions = false
    /// The first instructions of the expressions.
    private(set) var starts: [Int32] = []

    /// - Parameter expressions: a match returns an expression's index in this array.
    init(_ expressions: [RegularExpression]) {
        for (number, expression) in expressions.enumerated() {
            let end = emit(.match, Int32(number))
            starts.append(compile(expression.node, to: end))
        }
    }

    /// The number of instructions.
    var count: Int { kinds.count }

    func kind(_ index: Int) -> Kind { kinds[index] }

    /// Returns the successor of an instruction other than a match.
    func next(_ index: Int) -> Int32 { firsts[index] }

    func branches(_ index: Int) -> (Int32, Int32) { (firsts[index], seconds[index]) }

    /// Returns the expression of a match.
    func number(_ index: Int) -> Int { Int(firsts[index]) }

    func isAssertion(_ index: Int) -> Bool { if case .assertion = kinds[index] { true } else { false } }

    /// Returns the bytes that an instruction matches, nil if it consumes none.
    func set(_ index: Int) -> ByteSet? {
        guard kinds[index] == .bytes else { return nil }
        return ByteSet(words: (words[4 * index], words[4 * index + 1], words[4 * index + 2], words[4 * index + 3]))
    }

    /// Returns true if an instruction matches the byte.
    func matches(_ index: Int, _ byte: UInt8) -> Bool {
        words[4 * index + Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0
    }

    private mutating func emit(_ kind: Kind, _ first: Int32, _ second: Int32 = 0, set: ByteSet = ByteSet()) -> Int32 {
        kinds.append(kind)
        firsts.append(first)
        seconds.append(second)
        let (first, second, third, fourth) = set.words
        words.append(first)
        words.append(second)
        words.append(third)
        words.append(fourth)
        if case .assertion = kind { hasAssertions = true }
        return Int32(kinds.count - 1)
    }

    /// Compiles a node; the program is built from the end to the beginning.
    private mutating func compile(_ node: RegularExpression.Node, to next: Int32) -> Int32 {
        switch node {
        case .bytes(let set): return emit(.bytes, next, set: set)
        case .assertion(let assertion): return emit(.assertion(assertion), next)
        case .sequence(let nodes): return nodes.reversed().reduce(next) { compile($1, to: $0) }
        case .choice(let nodes):
            var entry = compile(nodes[nodes.count - 1], to: next)
            for node in nodes.dropLast().reversed() { entry = emit(.split, compile(node, to: next), entry) }
            return entry
        case .repeated(let node, let minimum, let maximum):
            var entry = next
            if let maximum {
                for _ in minimum..<maximum { entry = emit(.split, compile(node, to: entry), next) }
            } else {
                let loop = emit(.split, next, next)
                firsts[Int(loop)] = compile(node, to: loop)
                entry = loop
            }
            for _ in 0..<minimum { entry = compile(node, to: entry) }
            return entry
        }
    }

    /// Returns the number of instructions of a node; anything above the limit counts as limit plus one.
    static func size(of node: RegularExpression.Node) -> Int {
        let size =
            switch node {
            case .bytes, .assertion: 1
            case .sequence(let nodes): nodes.reduce(0) { min($0 + Self.size(of: $1), sizeLimit + 1) }
            case .choice(let nodes): nodes.reduce(0) { min($0 + 1 + Self.size(of: $1), sizeLimit + 1) }
            case .repeated(let node, let minimum, let maximum):
                (Self.size(of: node) + 1) * max(maximum ?? minimum + 1, 1)
            }
        return min(size, sizeLimit + 1)
    }
}
