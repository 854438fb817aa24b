/// Makes boots of a suite file's tables, and collects the mistakes in them.
struct SuiteReading {
    private let directory: String
    private let checks: SuiteFile.Checks
    private(set) var name: String?
    private(set) var mistakes: [SuiteFile.Mistake] = []
    /// The number of all mistakes, also of those that are not in `mistakes`.
    private(set) var mistakeCount = 0
    /// The size of all boots' command lines in bytes.
    private var total = 0

    init(directory: String, checks: SuiteFile.Checks) {
        self.directory = directory
        self.checks = checks
    }

    private mutating func addMistake(_ line: Int, _ key: String, _ reason: @autoclosure () -> String) {
        mistakeCount += 1
        guard mistakes.count < SuiteFile.mistakeLimit else { return }
        mistakes.append(SuiteFile.Mistake(line: line, key: key, reason: reason()))
    }

    private mutating func addMistake(_ entry: TOMLTable.Entry, expected: String) {
        addMistake(entry.value.line, entry.key, "expected \(expected), found \(entry.value.kind)")
    }

    /// Returns all boots of a document.
    mutating func boots(_ root: TOMLTable) -> [SuiteFile.Boot] {
        var defaults: [SuiteKey: SuiteValue] = [:]
        var tables: [TOMLTable] = []
        for entry in root.entries {
            switch (entry.key, entry.value.content) {
            case ("name", .string(let text)): name = text
            case ("name", _): addMistake(entry, expected: "a string")
            case ("defaults", .table(let table)): defaults = values(table, besides: [])
            case ("defaults", _): addMistake(entry, expected: "a table, as [defaults]")
            case ("boot", .array(let elements)):
                for element in elements {
                    if case .table(let table) = element.content {
                        tables.append(table)
                    } else {
                        addMistake(element.line, "boot", "expected a table, as [[boot]], found \(element.kind)")
                    }
                }
            case ("boot", .table):
                addMistake(entry.line, "boot", "expected [[boot]], with two brackets, since there may be several")
            case ("boot", _): addMistake(entry, expected: "a table, as [[boot]]")
            default:
                addMistake(
                    entry.line, entry.key,
                    "there is no such key here\(Self.nearest(entry.key, ["name", "defaults", "boot"]))")
            }
        }
        if tables.isEmpty, mistakes.isEmpty { addMistake(1, "boot", "expected at least one [[boot]]") }
        var boots: [SuiteFile.Boot] = []
        var lines: [String: Int] = [:]
        for table in tables {
            for boot in self.boots(of: table, defaults) {
                if let line = lines[boot.name] {
                    addMistake(boot.line, "name", "there is a boot \"\(boot.name)\" already, in line \(line)")
                } else {
                    lines[boot.name] = boot.line
                    boots.append(boot)
                }
                guard boots.count <= SuiteFile.bootLimit else {
                    addMistake(boot.line, "boot", "these are more than \(SuiteFile.bootLimit) boots")
                    return []
                }
            }
        }
        return boots
    }

    /// Returns the boots of one `[[boot]]`: one, or one for each combination of its matrix.
    private mutating func boots(of table: TOMLTable, _ defaults: [SuiteKey: SuiteValue]) -> [SuiteFile.Boot] {
        var group = ""
        switch table["name"]?.value.content {
        case .string(let text)? where !text.isEmpty: group = text
        case nil: addMistake(table.line, "name", "expected a name, as name = \"hello\", in every [[boot]]")
        default: if let entry = table["name"] { addMistake(entry, expected: "a string that is not empty") }
        }
        let own = values(table, besides: ["name", "matrix"])
        var axes: [SuiteAxis] = []
        if let entry = table["matrix"] {
            if case .table(let matrix) = entry.value.content {
                axes = self.axes(matrix, beside: table)
            } else {
                addMistake(entry, expected: "a table, as [boot.matrix]")
            }
        }
        var count = 1
        for axis in axes {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(axis.values.count, 1))
            guard !overflow, product <= SuiteFile.bootLimit else {
                addMistake(table.line, "matrix", "its combinations are more than \(SuiteFile.bootLimit) boots")
                return []
            }
            count = product
        }
        let common = defaults.merging(own) { $1 }
        return (0..<count).compactMap { number in
            var (rest, values, labels) = (number, common, [String]())
            // The last axis varies fastest, like an innermost loop.
            for axis in axes.reversed() where !axis.values.isEmpty {
                let choice = rest % axis.values.count
                rest /= axis.values.count
                values[axis.key] = axis.values[choice]
                labels.insert("\(axis.key.rawValue)=\(axis.labels[choice])", at: 0)
            }
            return boot(
                named: labels.isEmpty ? group : "\(group)[\(labels.joined(separator: ","))]", of: group, values: values,
                line: table.line, isFirst: number == 0)
        }
    }

    private mutating func boot(
        named name: String, of group: String, values: [SuiteKey: SuiteValue], line: Int, isFirst: Bool
    ) -> SuiteFile.Boot? {
        guard values[.kernel] != nil || values[.firmware] != nil else {
            if isFirst, mistakes.isEmpty { addMistake(line, "kernel", "expected a kernel or a firmware to boot") }
            return nil
        }
        let statuses = values[.status]?.texts.compactMap { Int32($0) }
        if let value = values[.status],
            let status = statuses?.first(where: {
                !Self.isOfGuest($0, exitPortStyle: values[.exitPortStyle]?.texts.first)
            })
        {
            if !mistakes.contains(where: { $0.line == value.line && $0.key == "status" }) {
                addMistake(
                    value.line, "status",
                    """
                    \(status) is no outcome of a guest's: where the host fails no boot passes, and there is \
                    nothing to expect
                    """
                )
            }
        }
        var words = ["run"] + (values[.kernel]?.texts ?? [])
        for key in SuiteKey.allCases {
            guard let option = key.option, key != .timeout, key != .report, key != .trace, let value = values[key]
            else { continue }
            // As one word each, since a value may begin with a hyphen.
            words +=
                key.form == .truth
                ? value.texts.contains("true") ? [option] : [] : value.texts.map { "\(option)=\($0)" }
        }
        let length = words.reduce(0) { $0 + $1.utf8.count + 9 }
        total += length
        guard length <= SuiteFile.lineLimit, total <= SuiteFile.totalLimit else {
            let whose =
                length > SuiteFile.lineLimit ? "its command line is" : "the command lines of all boots are together"
            let limit = length > SuiteFile.lineLimit ? SuiteFile.lineLimit : SuiteFile.totalLimit
            if isFirst || mistakes.isEmpty { addMistake(line, "boot", "\(whose) longer than \(limit >> 20) MiB") }
            return nil
        }
        let timeout = values[.timeout]?.texts.first ?? SuiteFile.defaultTimeout
        return SuiteFile.Boot(
            name: name, group: group, arguments: words + ["--timeout=\(timeout)"], timeout: timeout,
            devices: values[.devices]?.texts ?? [],
            statuses: statuses, retries: values[.retries]?.texts.first.flatMap { Int($0) } ?? 0,
            skip: values[.skip]?.texts.first, line: line, outputs: outputs(values))
    }

    /// Returns the files that a boot writes.
    private func outputs(_ values: [SuiteKey: SuiteValue]) -> [SuiteFile.Output] {
        var outputs: [SuiteFile.Output] = []
        for text in values[.report]?.texts ?? [] {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            outputs.append(
                .init(
                    option: "--report=\(parts[0]):", path: path(parts[1]), key: "report",
                    line: values[.report]?.line ?? 0))
        }
        if let value = values[.trace], let text = value.texts.first {
            outputs.append(.init(option: "--trace=", path: path(text), key: "trace", line: value.line))
        }
        return outputs
    }

    private mutating func axes(_ matrix: TOMLTable, beside table: TOMLTable) -> [SuiteAxis] {
        var axes: [SuiteAxis] = []
        for entry in matrix.entries {
            guard let key = key(entry, besides: [], in: "matrix.") else { continue }
            guard case .array(let elements) = entry.value.content, !elements.isEmpty else {
                addMistake(
                    entry.value.line, "matrix.\(entry.key)",
                    "expected an array of values to choose from, found \(entry.value.kind)")
                continue
            }
            if let own = table[entry.key] {
                addMistake(
                    entry.line, "matrix.\(entry.key)", "the boot has one value for it already, in line \(own.line)")
            }
            let values = elements.compactMap { value(key, $0, name: "matrix.\(entry.key)") }
            axes.append(SuiteAxis(key: key, values: values))
        }
        return axes
    }

    private mutating func values(_ table: TOMLTable, besides others: [String]) -> [SuiteKey: SuiteValue] {
        var values: [SuiteKey: SuiteValue] = [:]
        for entry in table.entries where !others.contains(entry.key) {
            guard let key = key(entry, besides: others) else { continue }
            values[key] = value(key, entry.value, name: entry.key)
        }
        return values
    }

    private mutating func key(_ entry: TOMLTable.Entry, besides others: [String], in table: String = "") -> SuiteKey? {
        if let key = SuiteKey(rawValue: entry.key) { return key }
        addMistake(
            entry.line, table + entry.key,
            "there is no such key here\(Self.nearest(entry.key, others + SuiteKey.allCases.map(\.rawValue)))")
        return nil
    }

    // MARK: Values

    /// Returns a key's value, or nil after adding a mistake.
    private mutating func value(_ key: SuiteKey, _ value: TOMLValue, name: String) -> SuiteValue? {
        guard let texts = Self.texts(value, key.form) else {
            let culprit = Self.culprit(value, key.form)
            addMistake(
                culprit?.line ?? value.line, name,
                "expected \(key.expectation), found \(culprit.map { "\($0.kind) in the array" } ?? value.kind)")
            return nil
        }
        var result: [(text: String, line: Int)] = texts
        switch key.form {
        case .path, .paths: result = texts.map { (path($0.text), $0.line) }
        case .commands: result = texts.map { (command($0.text), $0.line) }
        default: break
        }
        let before = mistakeCount
        for (text, line) in result where mistakes.count < SuiteFile.mistakeLimit {
            if let reason = mistake(key, text) { addMistake(line, name, reason) }
        }
        return mistakeCount == before ? SuiteValue(texts: result.map(\.text), line: value.line) : nil
    }

    /// Returns the first element of an array that has a wrong type; nil if there is none.
    private static func culprit(_ value: TOMLValue, _ form: SuiteKey.Form) -> TOMLValue? {
        guard form.takesSeveral, case .array(let elements) = value.content else { return nil }
        return elements.first { element in
            if case .array = element.content { return true }
            return texts(element, form) == nil
        }
    }

    private static func texts(_ value: TOMLValue, _ form: SuiteKey.Form) -> [(text: String, line: Int)]? {
        switch (form, value.content) {
        case (.text, .string(let text)), (.word, .string(let text)), (.texts, .string(let text)):
            return [(text, value.line)]
        case (.path, .string(let text)), (.paths, .string(let text)): return text.isEmpty ? nil : [(text, value.line)]
        case (.commands, .string(let text)): return text.isEmpty || text.hasPrefix(" ") ? nil : [(text, value.line)]
        case (.number, .integer(let number)), (.word, .integer(let number)), (.numbers, .integer(let number)):
            return [("\(number)", value.line)]
        case (.truth, .boolean(let truth)): return [("\(truth)", value.line)]
        case (_, .array(let elements)) where form.takesSeveral:
            var texts: [(text: String, line: Int)] = []
            for element in elements {
                if case .array = element.content { return nil }
                guard let text = Self.texts(element, form) else { return nil }
                texts += text
            }
            return form == .numbers && texts.isEmpty ? nil : texts
        default: return nil
        }
    }

    /// Returns the reason why a key does not accept a value.
    private func mistake(_ key: SuiteKey, _ text: String) -> String? {
        let expected = "expected \(key.expectation), found \(text)"
        guard text.utf8.count <= SuiteFile.wordLimit else {
            return "found \(text.utf8.count) bytes, and a word of a command line has \(SuiteFile.wordLimit) at most"
        }
        if text.utf8.contains(0) { return "a zero byte can't stand in a command line" }
        switch key {
        case .trace: return text.isEmpty ? "expected \(key.expectation), found an empty string" : nil
        case .kernel, .firmware, .initrd, .symbols:
            return checks.file(text).map { "\(text): \($0); expected a file that can be read" }
        case .modules:
            let file = String(text.prefix { $0 != " " })
            return checks.file(file).map { "\(file): \($0); expected a file that can be read" }
        case .expect: return Self.malformed(text)
        case .failOn: return text == "none" ? nil : Self.malformed(text)
        case .send:
            do throws(ConsoleAnswer.Malformed) { _ = try ConsoleAnswer(text) } catch { return "\(error), in \(text)" }
            return nil
        case .cpus: return Int(text).map { $0 > 0 } == true ? checks.option("--cpus", text) : expected
        case .retries: return Int(text).map { (0...10).contains($0) } == true ? nil : expected
        case .status: return Int32(text).map { (0...255).contains($0) } == true ? nil : expected
        default: return key.option.flatMap { checks.option($0, text) }.map { $0.isEmpty ? expected : $0 }
        }
    }

    /// Returns true if a guest can cause an exit status: docs/exit-status.md.
    private static func isOfGuest(_ status: Int32, exitPortStyle: String?) -> Bool {
        switch status {
        case 101...104, 124: true
        case 0...63: exitPortStyle != "qemu" || status < 2 || status % 2 == 1
        default: exitPortStyle == "qemu" && status % 2 == 1
        }
    }

    private static func malformed(_ text: String) -> String? {
        do throws(RegularExpression.Malformed) { _ = try RegularExpression(text) } catch {
            return "\(text) is not a valid regular expression: \(error)"
        }
        return nil
    }

    /// Resolves a path; the arguments after it are kept unchanged.
    private func command(_ text: String) -> String {
        let file = text.prefix { $0 != " " }
        return path(String(file)) + text[file.endIndex...]
    }

    private func path(_ text: String) -> String {
        let whole = text.hasPrefix("/") || directory.isEmpty || directory == "." ? text : "\(directory)/\(text)"
        return whole.hasPrefix("-") ? "./\(whole)" : whole
    }

    /// Suggests a known key for an unknown one.
    private static func nearest(_ key: String, _ known: [String]) -> String {
        let plain = { (text: String) in text.lowercased().filter { $0 != "-" && $0 != "_" } }
        let wanted = plain(key)
        let near =
            known.first { plain($0) == wanted || "\(plain($0))s" == wanted || plain($0) == "\(wanted)s" }
            ?? NearMiss.word(wanted, among: known)
        return near.map { "; did you mean \($0)?" } ?? "; there are \(known.sorted().joined(separator: ", "))"
    }
}

/// One key of a matrix, and its values in order.
struct SuiteAxis {
    let key: SuiteKey
    let values: [SuiteValue]
    /// Each value's form in names: paths are shortened to their last part if that is unique.
    let labels: [String]

    init(key: SuiteKey, values: [SuiteValue]) {
        self.key = key
        self.values = values
        let whole = values.map { $0.texts.joined(separator: "+") }
        let short = whole.map { String($0.split(separator: "/").last ?? $0[...]) }
        labels = [.path, .paths].contains(key.form) && Set(short).count == short.count ? short : whole
    }
}
