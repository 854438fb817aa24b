// Fuzzes the TOML reader: any text is a document or a mistake with a line of it, and no document is nested deeper than
// its limits allow. tools/fuzz compiles this file together with the Scripting room. The input is the text.

private func depth(_ value: TOMLValue) -> Int {
    switch value.content {
    case .array(let elements): 1 + (elements.map(depth).max() ?? 0)
    case .table(let table): depth(table)
    default: 0
    }
}

private func depth(_ table: TOMLTable) -> Int { 1 + (table.entries.map { depth($0.value) }.max() ?? 0) }

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTOML(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
    let lines = 1 + text.unicodeScalars.count { $0 == "\n" }
    do throws(TOMLDocument.Malformed) {
        let depth = depth(try TOMLDocument(text).root)
        if depth > 4 * TOMLDocument.depthLimit { fatalError("\(depth) levels") }
    } catch {
        if !(1...lines).contains(error.line) || error.reason.isEmpty { fatalError("\(error)") }
    }
    return 0
}
