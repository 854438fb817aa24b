/// Regular expressions as one nondeterministic automaton: Thompson's construction.
struct PatternProgram: Sendable {
    enum Kind: Sendable, Equatable {
        case bytes, split, match
        case assertion(RegularExpression.Assertion)
    }

    /// How many instructions an expression may come to.
    static let sizeLimit = 1000

    private var kinds: [Kind] = []
    /// Where an instruction leads to; a match's expression.
    private var firsts: [Int32] = []
    /// Where a split leads to besides.
    private var seconds: [Int32] = []
    /// Of each instruction four words, a bit a byte that it takes.
    private var words: [UInt64] = []
    private(set) var hasAssertions = false
    /// Where the expressions begin.
    private(set) var starts: [Int32] = []

    /// - Parameter expressions: a match tells an expression's place in this array.
    init(_ expressions: [RegularExpression]) {
        for (number, expression) in expressions.enumerated() {
            let end = emit(.match, Int32(number))
            starts.append(compile(expression.node, to: end))
        }
    }

    /// How many instructions there are.
    var count: Int { kinds.count }

    func kind(_ index: Int) -> Kind { kinds[index] }

    /// Where an instruction leads to that is no match.
    func next(_ index: Int) -> Int32 { firsts[index] }

    func branches(_ index: Int) -> (Int32, Int32) { (firsts[index], seconds[index]) }

    /// The expression that a match tells.
    func number(_ index: Int) -> Int { Int(firsts[index]) }

    func isAssertion(_ index: Int) -> Bool { if case .assertion = kinds[index] { true } else { false } }

    /// What an instruction takes; nil where it takes no byte.
    func set(_ index: Int) -> ByteSet? {
        guard kinds[index] == .bytes else { return nil }
        return ByteSet(words: (words[4 * index], words[4 * index + 1], words[4 * index + 2], words[4 * index + 3]))
    }

    /// Whether an instruction takes the byte.
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

    /// Built from the end to the beginning.
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

    /// How many instructions a node comes to; anything above the limit counts as one more than it.
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
