/// The tests in a `unittests.cfg` of kvm-unit-tests; docs/unittests.txt in its source describes the format.
///
/// It is parsed like its own scripts do: unknown lines and keys are ignored.
struct UnitTestsFile: Equatable {
    /// One section, with its values unchanged.
    struct Test: Equatable {
        let name: String
        var file = ""
        /// The number of vCPUs.
        var smp = "1"
        /// Shell words for the image's command line.
        var arguments = ""
        /// Shell words for QEMU (`qemu_params`, `extra_params`).
        var parameters = ""
        var groups: [String] = []
        var arch = ""
        var machine = ""
        /// `PATH=VALUE` each: files of the host that must have exactly this contents.
        var checks: [String] = []
        var accel = ""
        var timeout = ""
        /// A shell condition.
        var disabledIf = ""
    }

    enum ParseError: Error, Equatable, CustomStringConvertible {
        case openQuotes(line: Int)
        case repeatedName(String, line: Int)

        var description: String {
            switch self {
            case .openQuotes(let line): "line \(line): the \"\"\" is never closed"
            case .repeatedName(let name, let line): "line \(line): there is a test '\(name)' already"
            }
        }
    }

    private(set) var tests: [Test] = []

    init(_ text: String) throws(ParseError) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Self.trimmed($0) }[...]
        let count = lines.count
        var names: Set<String> = []
        while let line = lines.popFirst() {
            let number = count - lines.count
            if line.hasPrefix("["), line.hasSuffix("]") {
                let name = String(line.dropFirst().dropLast())
                guard names.insert(name).inserted else { throw .repeatedName(name, line: number) }
                tests.append(Test(name: name))
                continue
            }
            guard !tests.isEmpty, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
            let key = Self.trimmed(line[..<equals])
            var value = Self.trimmed(line[line.index(after: equals)...])
            if value.hasPrefix("\"\"\"") {
                guard let whole = Self.block(value.dropFirst(3), &lines) else { throw .openQuotes(line: number) }
                value = whole[...]
            }
            tests[tests.count - 1].set(String(key), String(value))
        }
    }

    /// Returns a value of several lines, up to the closing quotes. A backslash at a line's end joins it with the next.
    private static func block(_ first: Substring, _ lines: inout ArraySlice<Substring>) -> String? {
        var line = first
        var whole = ""
        while true {
            if line.hasSuffix("\"\"\"") { return whole + line.dropLast(3) }
            let slashes = line.reversed().prefix { $0 == "\\" }.count
            whole += slashes % 2 == 1 ? String(line.dropLast()) : line + "\n"
            guard let next = lines.popFirst() else { return nil }
            line = next
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

extension UnitTestsFile.Test {
    fileprivate mutating func set(_ key: String, _ value: String) {
        func words() -> [String] { value.split(whereSeparator: \.isWhitespace).map(String.init) }
        switch key {
        case "file": file = value
        case "smp": smp = value
        case "test_args": arguments = value
        case "qemu_params", "extra_params": parameters = value
        case "groups": groups = words()
        case "arch": arch = value
        case "machine": machine = value
        case "check": checks = words()
        case "accel": accel = value
        case "timeout": timeout = value
        case "disabled_if": disabledIf = value
        default: break
        }
    }
}
