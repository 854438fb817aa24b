// Fuzzes the parser of regular expressions and what is made of them: any text is an expression within its limits or a
// mistake with a place in it, and an automaton finds the same with its states kept and in a run of several expressions.
// tools/fuzz compiles this file together with the Scripting room.
//
// The input: a byte with the length of a text that is looked through, that text, and the expression.

private func ends(_ expressions: [RegularExpression], _ text: [UInt8]) -> [Int] {
    var automaton = PatternAutomaton(expressions)
    var found: [Int] = []
    for (place, byte) in text.enumerated() where automaton.consume(byte)?.contains(0) == true { found.append(place) }
    if automaton.matchesAtPause().contains(0) { found.append(text.count) }
    return found
}

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRegularExpression(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let text = Array(bytes.dropFirst().prefix(Int(first)))
    let source = String(decoding: bytes.dropFirst(1 + text.count), as: UTF8.self)
    do throws(RegularExpression.Malformed) {
        let expression = try RegularExpression(source)
        if expression.size < 1 || expression.size > PatternProgram.sizeLimit { fatalError("\(expression.size) steps") }
        guard let other = try? RegularExpression("[^c]*a[^c]{3}"), let word = try? RegularExpression("\\bab\\b|$")
        else { return 0 }
        let alone = ends([expression], text)
        if alone != ends([expression, other, word], text) { fatalError("others change what is found") }
    } catch {
        if error.place < 1 || error.place > source.unicodeScalars.count + 1 || error.reason.isEmpty {
            fatalError("\(error)")
        }
        if error.description.utf8.count > 64 << 10 { fatalError("a sentence of \(error.description.utf8.count) bytes") }
    }
    return 0
}
