// Fuzzes the console's watcher: whatever expression is given and whatever a guest writes, nothing traps, and chunks
// make no difference. tools/fuzz compiles this file together with the Scripting room.
//
// The input: a byte of flags (bits 0 and 1: the expression is one of --expect, --fail-on, --send; bit 2: with the
// built-in list), a byte with the length of the text of the option, that text, and then what the guest writes.

private func findings(_ script: ConsoleScript, _ chunks: [[UInt8]]) -> ConsoleFindings {
    var watcher = ConsoleWatcher(script)
    for chunk in chunks {
        watcher.receive(chunk, at: 1)
        _ = watcher.look(at: 1)
    }
    watcher.close(at: 1)
    return watcher.findings
}

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConsole(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard bytes.count > 2 else { return 0 }
    let option = String(decoding: bytes.dropFirst(2).prefix(Int(bytes[1])), as: UTF8.self)
    let console = Array(bytes.dropFirst(2 + Int(bytes[1])))
    var script = ConsoleScript(watchesKernel: bytes[0] & 4 != 0)
    switch bytes[0] & 3 {
    case 0, 1:
        guard let expression = try? RegularExpression(option) else { return 0 }
        if bytes[0] & 1 == 0 { script.expectations = [expression] } else { script.failures = [expression] }
    default:
        guard let answer = try? ConsoleAnswer(option) else { return 0 }
        script.answers = [answer, answer]
    }
    let whole = findings(script, [console])
    let single = findings(script, console.map { [$0] })
    if whole != single { fatalError("in one piece \(whole), byte by byte \(single)") }
    for sighting in whole.expectations + whole.answers where sighting.map({ $0.line.utf8.count > 4096 }) == true {
        fatalError("a line of any length")
    }
    return 0
}
