/// Parses a line of a recording. Every number is bounded, and the changes of an answer lie inside the argument.
struct RecordingParser {
    struct Failure: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    var isAtEnd: Bool { rest.isEmpty }

    /// Skips these characters if they come next. Returns false if they do not.
    mutating func consume(_ characters: StaticString) -> Bool {
        let expected = UnsafeBufferPointer(start: characters.utf8Start, count: characters.utf8CodeUnitCount)
        guard rest.starts(with: expected) else { return false }
        rest.removeFirst(expected.count)
        return true
    }

    private mutating func expect(_ characters: StaticString, _ place: String) throws(Failure) {
        guard consume(characters) else { throw Failure("\"\(characters)\" is missing \(place)") }
    }

    // MARK: Parts

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// A number of 1 to 18 decimal digits.
    mutating func decimal() throws(Failure) -> Int {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...18).contains(digits.count) else { throw Failure("a decimal number is missing or too long") }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// A number of 1 to 16 hexadecimal digits.
    private mutating func hexadecimal() throws(Failure) -> UInt64 {
        try expect("0x", "before a hexadecimal number")
        let digits = rest.prefix { Self.digit($0) != nil }
        guard (1...16).contains(digits.count) else { throw Failure("a hexadecimal number is missing or too long") }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 << 4 | UInt64(Self.digit($1) ?? 0) }
    }

    private mutating func bytes() throws(Failure) -> RecordedBytes {
        try expect("[", "before bytes")
        guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { throw Failure("\"]\" is missing after bytes") }
        let text = rest[..<end]
        rest = rest[(end + 1)...]
        guard text.count % 2 == 0 else { throw Failure("half a byte is missing between \"[\" and \"]\"") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var varying: [Range<Int>] = []
        var index = text.startIndex
        while index < text.endIndex {
            let pair = (text[index], text[index + 1])
            if pair == (UInt8(ascii: "."), UInt8(ascii: ".")) {
                varying.append(bytes.count..<bytes.count + 1)
                bytes.append(0)
            } else {
                guard let high = Self.digit(pair.0), let low = Self.digit(pair.1) else {
                    throw Failure(
                        "byte \(bytes.count) between \"[\" and \"]\" is neither two hexadecimal digits nor \"..\"")
                }
                bytes.append(high << 4 | low)
            }
            index += 2
        }
        return RecordedBytes(bytes, varying: varying)
    }

    private mutating func quoted() throws(Failure) -> String {
        try expect("\"", "before the object")
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard consume("x"), rest.count >= 2, let high = Self.digit(rest[rest.startIndex]),
                    let low = Self.digit(rest[rest.startIndex + 1])
                else { throw Failure("a backslash in the object is not followed by x and two hexadecimal digits") }
                rest.removeFirst(2)
                bytes.append(high << 4 | low)
            case 0x20..<0x7F: bytes.append(byte)
            default: throw Failure("the object has a character that must be written as \\xNN")
            }
        }
        throw Failure("the object's closing quote is missing")
    }

    private mutating func word() throws(Failure) -> String {
        let letters = rest.prefix { byte in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        guard (1...64).contains(letters.count) else { throw Failure("the call's name is missing or too long") }
        rest = rest[letters.endIndex...]
        return String(decoding: letters, as: UTF8.self)
    }

    // MARK: The line

    /// Parses the rest of the line after the call's position.
    mutating func callAndAnswer() throws(Failure) -> (RecordedCall, RecordedAnswer) {
        try expect(" ", "after the call's position")
        let object = try quoted()
        try expect(" ", "after the object")
        let name = try word()
        try expect(" ", "after the call's name")
        let call = RecordedCall(object: object, name: name, argument: try argument(name))
        let answer = RecordedAnswer(changes: try changes(), result: try result())
        guard isAtEnd else { throw Failure("something follows the answer") }
        try Self.check(answer, call.argument)
        return (call, answer)
    }

    private mutating func argument(_ name: String) throws(Failure) -> RecordedCall.Argument {
        let number = try hexadecimal()
        if name == "open" { return .open(flags: UInt(number)) }
        try expect(" ", "after the first number")
        switch name {
        case "pread": return .read(offset: number, count: try decimal())
        case "pwrite": return .write(offset: number, try bytes())
        default:
            let isStructure = rest.first == UInt8(ascii: "[")
            return isStructure
                ? .structure(request: UInt(number), try bytes())
                : .number(request: UInt(number), UInt(try hexadecimal()))
        }
    }

    private mutating func changes() throws(Failure) -> [RecordedAnswer.Change] {
        guard consume(" ->") else { return [] }
        var changes: [RecordedAnswer.Change] = []
        repeat {
            try expect(" ", "before what the call changed")
            let offset = try decimal()
            try expect(":", "after an offset")
            changes.append(.init(offset: offset, bytes: try bytes()))
        } while rest.starts(with: " ".utf8) && !rest.starts(with: " = ".utf8)
        return changes
    }

    private mutating func result() throws(Failure) -> RecordedAnswer.Result {
        try expect(" = ", "before the answer")
        if consume("descriptor") { return .descriptor }
        guard consume("-") else { return .number(try decimal()) }
        let number = try decimal()
        guard (1...4095).contains(number) else { throw Failure("\(number) is no errno") }
        if let name = RecordingText.errnoNames[Int32(number)] {
            guard consume(" "), try word() == name else {
                throw Failure("errno \(number) is not followed by its name, \(name)")
            }
        }
        return .number(-number)
    }

    // MARK: Sense

    private static func check(_ answer: RecordedAnswer, _ argument: RecordedCall.Argument) throws(Failure) {
        var room = 0
        var limit = Int(Int32.max)
        var givesDescriptor = false
        switch argument {
        case .open: (limit, givesDescriptor) = (-1, true)
        case .number: givesDescriptor = true
        case .structure(_, let bytes): (room, givesDescriptor) = (bytes.bytes.count, true)
        case .read(_, let count): (room, limit) = (count, count)
        case .write(_, let bytes): limit = bytes.bytes.count
        }
        switch answer.result {
        case .descriptor: guard givesDescriptor else { throw Failure("this call answers no descriptor") }
        case .number(let number): guard number <= limit else { throw Failure("this call can't answer \(number)") }
        }
        for change in answer.changes {
            guard change.offset <= room && change.bytes.bytes.count <= room - change.offset else {
                throw Failure("what the call changed at \(change.offset) lies outside of its \(room) bytes")
            }
            guard change.bytes.varying.allSatisfy({ $0.count == 4 }) else {
                throw Failure("a new descriptor has four bytes")
            }
        }
        if case .read = argument {
            let count = if case .number(let number) = answer.result { max(number, 0) } else { 0 }
            guard answer.changes.map(\.offset) == (count > 0 ? [0] : []),
                answer.changes.allSatisfy({ $0.bytes.bytes.count == count })
            else {
                throw Failure("the bytes read are not as many as the answer says")
            }
        }
    }
}
