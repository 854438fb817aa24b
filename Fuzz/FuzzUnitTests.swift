// Fuzzes the reader of kvm-unit-tests' unittests.cfg and the splitting of its values into words: any text is tests or a
// mistake with a sentence. tools/fuzz compiles this file together with
// Sources/swiftlet/Suite/UnitTests/UnitTestsFile.swift and ShellWords.swift. The input is the file.

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzUnitTests(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
    do throws(UnitTestsFile.ParseError) {
        let tests = try UnitTestsFile(text).tests
        if Set(tests.map(\.name)).count != tests.count { fatalError("two tests of one name") }
        for test in tests {
            for value in [test.parameters, test.arguments] {
                do throws(ShellWords.SplitError) {
                    _ = try ShellWords.split(value) { $0.isEmpty ? nil : "x" }
                } catch {
                    if "\(error)".isEmpty { fatalError("an error without a sentence") }
                }
            }
        }
    } catch {
        if "\(error)".isEmpty { fatalError("an error without a sentence") }
    }
    return 0
}
