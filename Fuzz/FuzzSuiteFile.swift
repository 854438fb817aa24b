// Fuzzes suite files: whatever a file holds, it is read or refused with sentences of bounded length, and what is read
// holds to its limits. tools/fuzz compiles this file together with the Scripting room. The input is the file; every
// file and option it names is taken as good.

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSuiteFile(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
    let checks = SuiteFile.Checks(
        option: { _, value in value.contains("bad") ? "it is bad" : nil },
        file: { $0.hasSuffix("missing") ? "it is not there" : nil })
    do throws(SuiteFile.Malformed) {
        let file = try SuiteFile(text, directory: "suites", checks: checks)
        if file.boots.isEmpty || file.boots.count > SuiteFile.bootLimit { fatalError("\(file.boots.count) boots") }
        if Set(file.boots.map(\.name)).count != file.boots.count { fatalError("two boots of one name") }
        for boot in file.boots
        where boot.arguments.contains(where: { $0.utf8.count > SuiteFile.wordLimit + 32 || $0.utf8.contains(0) }) {
            fatalError("a word that no process can be given")
        }
    } catch {
        if error.mistakes.isEmpty || error.mistakes.count > SuiteFile.mistakeLimit + 1 {
            fatalError("\(error.mistakes.count) mistakes")
        }
        for mistake in error.mistakes
        where mistake.line < 1 || mistake.reason.isEmpty || mistake.description.utf8.count > 12_000 {
            fatalError("\(mistake)")
        }
    }
    return 0
}
