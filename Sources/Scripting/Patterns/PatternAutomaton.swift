/// Searches for many regular expressions at once in a text that comes byte by byte.
///
/// The nondeterministic automaton is made deterministic on demand, and its states are kept up to a limit. So a byte
/// usually costs a table lookup, and at worst a walk over all instructions. The text is not stored, and no expression
/// can cost more. If states would be forgotten before they are used again, none is kept for a while.
struct PatternAutomaton {
    /// The input for a pause of the text, beyond all byte values.
    private static let pause = 256
    private static let stateLimit = 1000
    private static let lineStart: Int32 = 1
    private static let afterWord: Int32 = 2

    /// The largest number of items in all kept states: 4 MiB.
    private static let itemLimit = 1 << 20
    /// The number of bytes per new state below which keeping states is not worthwhile.
    private static let worth = 10
    /// The number of bytes for which no states are kept then.
    private static let looseLength = 8192

    private let program: PatternProgram
    /// The class of each byte; bytes that no instruction distinguishes have the same class.
    private let classes: [UInt8]
    private let classCount: Int
    /// By state: the instructions that wait for a byte, followed by flags about the previous byte.
    private var states: [[Int32]] = []
    private var looksAhead: [Bool] = []
    /// By state: a hash of `states`, to find the state again.
    private var hashes: [UInt64] = []
    /// By state and class; -1: not computed yet.
    private var successors: [Int32] = []
    /// By state and class: the index in `matches` of the expressions found with that byte.
    private var findings: [Int32] = []
    /// The first is empty.
    private var matches: [[Int]] = [[]]
    /// The number of items in all of `states`.
    private var itemCount = 0
    /// The number of bytes looked up since states were last forgotten.
    private var hits = 0
    private var current: Int32 = 0
    /// The number of bytes still to be walked without keeping states; `items` and `flags` are the state then.
    private var loose = 0
    private var items: [Int32] = []
    private var flags: Int32 = 0
    private var visited: [Int32]
    private var visit: Int32 = 0
    /// Kept for its capacity.
    private var pending: [Int32] = []
    private var reached: [Int32] = []

    init(_ expressions: [RegularExpression]) {
        program = PatternProgram(expressions)
        (classes, classCount) = Self.classes(of: program)
        visited = [Int32](repeating: 0, count: program.count)
        beginVisit()
        pending = program.starts
        _ = close(flags: Self.lineStart, ahead: nil)
        current = number(reached, flags: Self.lineStart)
    }

    private static func classes(of program: PatternProgram) -> ([UInt8], Int) {
        var sets = [ByteSet(0x0A), .word]
        for index in 0..<program.count {
            // Beyond 256 sets, duplicates are no longer searched for.
            if let set = program.set(index), sets.count > 256 || !sets.contains(set) { sets.append(set) }
        }
        var classes = [UInt8](repeating: 0, count: 256)
        var sizes = [256]
        for set in sets where sizes.count < 256 {
            // Every class that the set splits gets a second number for its part inside the set.
            var shared = [Int](repeating: 0, count: sizes.count)
            set.forEach { shared[Int(classes[Int($0)])] += 1 }
            var numbers = [Int?](repeating: nil, count: sizes.count)
            for old in shared.indices where shared[old] > 0 && shared[old] < sizes[old] {
                numbers[old] = sizes.count
                sizes[old] -= shared[old]
                sizes.append(shared[old])
            }
            set.forEach { byte in
                if let number = numbers[Int(classes[Int(byte)])] {
                    classes[Int(byte)] = UInt8(truncatingIfNeeded: number)
                }
            }
        }
        return (classes, sizes.count)
    }

    /// Consumes the next byte.
    /// - Returns: the expressions that end here, or that ended before this byte and depended on it. An expression that
    ///   keeps matching is returned again.
    mutating func consume(_ byte: UInt8) -> [Int]? {
        guard loose == 0 else { return advanceLoose(byte) }
        let place = Int(current) * classCount + Int(classes[Int(byte)])
        let successor = successors[place]
        guard successor >= 0 else { return advance(byte, place) }
        hits &+= 1
        current = successor
        let found = findings[place]
        return found == 0 ? nil : matches[Int(found)]
    }

    /// Returns the expressions that end here if a line ends here.
    mutating func matchesAtPause() -> [Int] {
        if loose == 0 {
            guard looksAhead[Int(current)] else { return [] }
            loadState()
        }
        beginVisit()
        pending = items
        return close(flags: flags, ahead: Self.pause)
    }

    private mutating func advance(_ byte: UInt8, _ place: Int) -> [Int]? {
        loadState()
        let found = step(byte, looksAhead: looksAhead[Int(current)])
        let isFull = states.count >= Self.stateLimit || itemCount >= Self.itemLimit
        if isFull {
            if hits < states.count * Self.worth { loose = Self.looseLength }
            forget()
            guard loose == 0 else { return found.isEmpty ? nil : found }
        }
        let successor = number(items, flags: flags)
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

    private mutating func advanceLoose(_ byte: UInt8) -> [Int]? {
        let found = step(byte, looksAhead: program.hasAssertions)
        loose -= 1
        if loose == 0 { current = number(items, flags: flags) }
        return found.isEmpty ? nil : found
    }

    /// Makes `items` and `flags` the current state.
    private mutating func loadState() {
        let key = states[Int(current)]
        items.removeAll(keepingCapacity: true)
        items.append(contentsOf: key.dropLast())
        flags = key[key.count - 1]
    }

    /// Advances by a byte, from `items` and `flags` to the ones after it.
    private mutating func step(_ byte: UInt8, looksAhead: Bool) -> [Int] {
        var found: [Int] = []
        if looksAhead {
            beginVisit()
            pending.removeAll(keepingCapacity: true)
            pending.append(contentsOf: items)
            found = close(flags: flags, ahead: Int(byte))
            swap(&items, &reached)
        }
        beginVisit()
        pending.removeAll(keepingCapacity: true)
        pending.append(contentsOf: program.starts)
        for item in items where program.matches(Int(item), byte) { pending.append(program.next(Int(item))) }
        flags = (byte == 0x0A ? Self.lineStart : 0) | (ByteSet.word.contains(byte) ? Self.afterWord : 0)
        let immediate = close(flags: flags, ahead: nil)
        swap(&items, &reached)
        if found.isEmpty { return immediate }
        // A duplicate is harmless, and cheaper than searching a long list.
        return found + (found.count > 64 ? immediate : immediate.filter { !found.contains($0) })
    }

    private mutating func forget() {
        states.removeAll(keepingCapacity: true)
        looksAhead.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        successors.removeAll(keepingCapacity: true)
        findings.removeAll(keepingCapacity: true)
        matches = [[]]
        (itemCount, hits) = (0, 0)
    }

    private mutating func number(_ items: [Int32], flags: Int32) -> Int32 {
        let looks = program.hasAssertions && items.contains { program.isAssertion(Int($0)) }
        // The previous byte matters only to instructions that still check both sides.
        let key = items.sorted() + [looks ? flags : 0]
        let hash = Self.hash(key)
        for number in hashes.indices where hashes[number] == hash && states[number] == key { return Int32(number) }
        let number = Int32(states.count)
        itemCount += key.count
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

    private mutating func beginVisit() {
        if visit == .max {
            for index in visited.indices { visited[index] = 0 }
            visit = 0
        }
        visit += 1
    }

    /// Makes `reached` everything that is reachable from `pending` without a byte.
    /// - Parameter ahead: the next byte; nil if it has not come: assertions about it stay pending.
    /// - Returns: the expressions that end here.
    private mutating func close(flags: Int32, ahead: Int?) -> [Int] {
        var found: [Int] = []
        reached.removeAll(keepingCapacity: true)
        while let index = pending.popLast() {
            guard visited[Int(index)] != visit else { continue }
            visited[Int(index)] = visit
            switch program.kind(Int(index)) {
            case .bytes: reached.append(index)
            case .match: found.append(program.number(Int(index)))
            case .split:
                let (first, second) = program.branches(Int(index))
                pending.append(second)
                pending.append(first)
            case .assertion(.lineStart):
                if flags & Self.lineStart != 0 { pending.append(program.next(Int(index))) }
            case .assertion(let assertion):
                if let ahead {
                    if Self.holds(assertion, flags, ahead) { pending.append(program.next(Int(index))) }
                } else {
                    reached.append(index)
                }
            }
        }
        return found
    }

    private static func holds(_ assertion: RegularExpression.Assertion, _ flags: Int32, _ ahead: Int) -> Bool {
        let isBoundary =
            (flags & afterWord != 0) != (ahead < 256 && ByteSet.word.contains(UInt8(truncatingIfNeeded: ahead)))
        switch assertion {
        case .lineStart: return flags & lineStart != 0
        case .lineEnd: return ahead == pause || ahead == 0x0A
        case .wordBoundary: return isBoundary
        case .noWordBoundary: return !isBoundary
        }
    }
}
