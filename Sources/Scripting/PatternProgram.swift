/// Regular expressions as one nondeterministic automaton: Thompson's construction.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        case bytes(ByteSet, next: Int32)
        case split(Int32, Int32)
        case assertion(RegularExpression.Assertion, next: Int32)
        case match(Int32)
    }

    /// How many instructions an expression may come to. It bounds what a byte can cost.
    static let sizeLimit = 1000

    private(set) var instructions: [Instruction] = []
    /// Where the expressions begin.
    private(set) var starts: [Int32] = []

    /// - Parameter expressions: a match tells an expression's place in this array.
    init(_ expressions: [RegularExpression]) {
        for (number, expression) in expressions.enumerated() {
            let end = emit(.match(Int32(number)))
            starts.append(compile(expression.node, to: end))
        }
    }

    private mutating func emit(_ instruction: Instruction) -> Int32 {
        instructions.append(instruction)
        return Int32(instructions.count - 1)
    }

    /// Built from the end to the beginning.
    private mutating func compile(_ node: RegularExpression.Node, to next: Int32) -> Int32 {
        switch node {
        case .bytes(let set): return emit(.bytes(set, next: next))
        case .assertion(let assertion): return emit(.assertion(assertion, next: next))
        case .sequence(let nodes): return nodes.reversed().reduce(next) { compile($1, to: $0) }
        case .choice(let nodes):
            var entry = compile(nodes[nodes.count - 1], to: next)
            for node in nodes.dropLast().reversed() { entry = emit(.split(compile(node, to: next), entry)) }
            return entry
        case .repeated(let node, let minimum, let maximum):
            var entry = next
            if let maximum {
                for _ in minimum..<maximum { entry = emit(.split(compile(node, to: entry), next)) }
            } else {
                let loop = emit(.split(next, next))
                instructions[Int(loop)] = .split(compile(node, to: loop), next)
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
            case .repeated(let node, let minimum, let maximum): (Self.size(of: node) + 1) * max(maximum ?? minimum + 1, 1)
            }
        return min(size, sizeLimit + 1)
    }
}
