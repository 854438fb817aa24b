/// Looks for many regular expressions at once in a text that comes byte by byte.
///
/// The nondeterministic automaton is made deterministic as the text needs it, and what was made is kept up to a limit. So a byte costs a
/// table look-up as a rule, and at worst a walk over all instructions; nothing of the text is kept, and no expression can cost more.
struct PatternAutomaton {
    /// Beyond a byte's values: the text pauses here.
    private static let pause = 256
    private static let stateLimit = 1000
    private static let lineStart: Int32 = 1
    private static let afterWord: Int32 = 2

    private let program: PatternProgram
    /// Bytes that no instruction tells apart have the same number.
    private let classes: [UInt8]
    private let classCount: Int
    /// By state: the instructions that wait for a byte, and behind them what is known of the byte before.
    private var states: [[Int32]] = []
    private var looksAhead: [Bool] = []
    /// By state: a hash of what `states` has, to find the state again.
    private var hashes: [UInt64] = []
    /// By state and class; -1: not made yet.
    private var successors: [Int32] = []
    /// By state and class: which of `matches` is found with that byte.
    private var findings: [Int32] = []
    /// The first is empty.
    private var matches: [[Int]] = [[]]
    private var current: Int32 = 0
    private var visited: [Int32]
    private var visit: Int32 = 0

    init(_ expressions: [RegularExpression]) {
        program = PatternProgram(expressions)
        (classes, classCount) = Self.classes(of: program)
        visited = [Int32](repeating: 0, count: program.instructions.count)
        let (items, _) = closure(program.starts, flags: Self.lineStart, ahead: nil)
        current = number(items, flags: Self.lineStart)
    }

    private static func classes(of program: PatternProgram) -> ([UInt8], Int) {
        var sets = [ByteSet(0x0A), .word]
        for case .bytes(let set, _) in program.instructions where !sets.contains(set) { sets.append(set) }
        var classes = [UInt8](repeating: 0, count: 256)
        var sizes = [256]
        for set in sets where sizes.count < 256 {
            // Every class that the set cuts in two gets a second number for what lies in the set.
            var shared = [Int](repeating: 0, count: sizes.count)
            set.forEach { shared[Int(classes[Int($0)])] += 1 }
            var numbers = [Int?](repeating: nil, count: sizes.count)
            for old in shared.indices where shared[old] > 0 && shared[old] < sizes[old] {
                numbers[old] = sizes.count
                sizes[old] -= shared[old]
                sizes.append(shared[old])
            }
            set.forEach { byte in
                if let number = numbers[Int(classes[Int(byte)])] { classes[Int(byte)] = UInt8(truncatingIfNeeded: number) }
            }
        }
        return (classes, sizes.count)
    }

    /// Takes the next byte.
    /// - Returns: the expressions that end here, or ended before this byte if they had to see it. One that goes on matching is told again.
    mutating func take(_ byte: UInt8) -> [Int]? {
        let place = Int(current) * classCount + Int(classes[Int(byte)])
        let successor = successors[place]
        guard successor >= 0 else { return advance(byte, place) }
        current = successor
        let found = findings[place]
        return found == 0 ? nil : matches[Int(found)]
    }

    /// The expressions that end here if a line ends here.
    mutating func matchesAtPause() -> [Int] {
        guard looksAhead[Int(current)] else { return [] }
        return expansion(of: current, ahead: Self.pause).matches
    }

    /// Whether a pause could mean anything here.
    var waitsForPause: Bool { looksAhead[Int(current)] }

    private mutating func advance(_ byte: UInt8, _ place: Int) -> [Int]? {
        var (items, found) = looksAhead[Int(current)] ? expansion(of: current, ahead: Int(byte)) : (states[Int(current)].dropLast(), [])
        var seeds = program.starts
        for item in items {
            if case .bytes(let set, let next) = program.instructions[Int(item)], set.contains(byte) { seeds.append(next) }
        }
        let flags = (byte == 0x0A ? Self.lineStart : 0) | (ByteSet.word.contains(byte) ? Self.afterWord : 0)
        let (reached, immediate) = closure(seeds, flags: flags, ahead: nil)
        items = reached[...]
        for match in immediate where !found.contains(match) { found.append(match) }
        let isFull = states.count >= Self.stateLimit
        if isFull { forget() }
        let successor = number(Array(items), flags: flags)
        if !isFull {
            successors[place] = successor
            if !found.isEmpty {
                findings[place] = Int32(matches.firstIndex(of: found) ?? matches.count)
                if Int(findings[place]) == matches.count { matches.append(found) }
            }
        }
        current = successor
        return found.isEmpty ? nil : found
    }

    private mutating func forget() {
        states.removeAll(keepingCapacity: true)
        looksAhead.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        successors.removeAll(keepingCapacity: true)
        findings.removeAll(keepingCapacity: true)
        matches = [[]]
    }

    private mutating func number(_ items: [Int32], flags: Int32) -> Int32 {
        let looks = items.contains { if case .assertion = program.instructions[Int($0)] { true } else { false } }
        // What came before matters only to those who have yet to look at both sides.
        let key = items.sorted() + [looks ? flags : 0]
        let hash = Self.hash(key)
        for number in hashes.indices where hashes[number] == hash && states[number] == key { return Int32(number) }
        let number = Int32(states.count)
        states.append(key)
        looksAhead.append(looks)
        hashes.append(hash)
        successors += [Int32](repeating: -1, count: classCount)
        findings += [Int32](repeating: 0, count: classCount)
        return number
    }

    /// FNV-1a, a number at a time.
    private static func hash(_ key: [Int32]) -> UInt64 {
        key.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64(UInt32(bitPattern: $1))) &* 0x100_0000_01b3 }
    }

    /// A state's instructions once the byte behind it is known.
    private mutating func expansion(of state: Int32, ahead: Int) -> (items: ArraySlice<Int32>, matches: [Int]) {
        let key = states[Int(state)]
        let (items, matches) = closure(Array(key.dropLast()), flags: key[key.count - 1], ahead: ahead)
        return (items[...], matches)
    }

    /// What can be reached without a byte.
    /// - Parameter ahead: the byte behind this place; nil where it has not come, and then what has to see it stays.
    private mutating func closure(_ seeds: [Int32], flags: Int32, ahead: Int?) -> (items: [Int32], matches: [Int]) {
        visit &+= 1
        var items: [Int32] = []
        var found: [Int] = []
        var pending = seeds
        while let index = pending.popLast() {
            guard visited[Int(index)] != visit else { continue }
            visited[Int(index)] = visit
            switch program.instructions[Int(index)] {
            case .bytes: items.append(index)
            case .match(let number): found.append(Int(number))
            case .split(let first, let second):
                pending.append(second)
                pending.append(first)
            case .assertion(.lineStart, let next):
                if flags & Self.lineStart != 0 { pending.append(next) }
            case .assertion(let assertion, let next):
                if let ahead {
                    if Self.holds(assertion, flags, ahead) { pending.append(next) }
                } else {
                    items.append(index)
                }
            }
        }
        return (items, found)
    }

    private static func holds(_ assertion: RegularExpression.Assertion, _ flags: Int32, _ ahead: Int) -> Bool {
        let isBoundary = (flags & afterWord != 0) != (ahead < 256 && ByteSet.word.contains(UInt8(truncatingIfNeeded: ahead)))
        switch assertion {
        case .lineStart: return flags & lineStart != 0
        case .lineEnd: return ahead == pause || ahead == 0x0A
        case .wordBoundary: return isBoundary
        case .noWordBoundary: return !isBoundary
        }
    }
}
