/// Follows a guest's console: takes bytes and the time, returns the text to type and the decision to end the run.
///
/// `$` matches at the end of a line: at a line feed, or after 100 ms without output, since a prompt's line has no line
/// feed. Expressions see the console as one text, so that kernel messages in the middle of a prompt hide nothing before
/// them.
public struct ConsoleWatcher {
    /// The next actions of the caller.
    public struct Action {
        /// Bytes to type.
        public var input: [UInt8] = []
        /// True if the run is decided.
        public var endsRun = false
        /// The time of the next call of `look`, in seconds from the first vCPU's start, even if nothing is received.
        public var next: Double?
    }

    /// The silence after which a line counts as ended, in seconds.
    static let pause = 0.1
    /// The time in seconds that a guest may continue after its run is decided, while further lines come.
    ///
    /// It lets a kernel finish its report, also on a slow console. Output that is longer than any report is a flood and
    /// is cut off.
    static let patience = (met: 0.5, script: 0.5, report: 3.0, flood: 0.9)
    private static let reportLimit = 16384
    /// The longest pause within a kernel's report: a serial line on a busy host may stop in between.
    private static let kernelPause = 0.25
    private static let lineLimit = 1024

    public private(set) var findings: ConsoleFindings
    private let script: ConsoleScript
    /// Built at the guest's first output: a silent guest costs no time at the start.
    private var search: Search?
    private var text = ConsoleText()
    private var line: [UInt8] = []
    private var lineNumber = 0
    private var hasOpenSighting = false
    private var input: [UInt8] = []
    private var lastByte = 0.0
    private var hasSeenPause = true
    /// Bytes received after the failure.
    private var saidSince = 0
    private var unmet: Int
    /// The time when the last expectation was met.
    private var met: Double?
    private var hasPanicEnd = false
    private var harmlessLine = -1
    /// The index of the failure's cause in `KernelDistress.all`.
    private var distress: Int?

    public init(_ script: ConsoleScript) {
        self.script = script
        unmet = script.expectations.count
        findings = ConsoleFindings(
            expectations: Array(repeating: nil, count: script.expectations.count),
            answers: Array(repeating: nil, count: script.answers.count))
    }

    /// The number of steps of the script's expressions, which bounds the cost of a byte.
    public var size: Int { script.size }

    /// Receives the bytes that the guest wrote.
    /// - Parameter seconds: the time, from the first vCPU's start.
    public mutating func receive(_ bytes: [UInt8], at seconds: Double) {
        guard !bytes.isEmpty else { return }
        // The pause is also detected if the caller is late.
        if seconds - lastByte >= Self.pause { seePause(at: lastByte + Self.pause) }
        lastByte = seconds
        hasSeenPause = false
        if findings.failure != nil { saidSince += bytes.count }
        var search = self.search ?? Search(script)
        // Moved out of self while it is used, so that nothing is copied.
        self.search = nil
        var text = self.text
        for byte in bytes {
            text.process(byte) { said in
                if said != 0x0A { append(said) }
                if let found = search.automaton.consume(said) {
                    for number in found { see(search.purposes[number], at: seconds) }
                }
                if said == 0x0A { endLine() }
            }
        }
        self.text = text
        self.search = search
    }

    /// Returns the next actions. To be called after every `receive`, and at the time of the last answer's `next`.
    public mutating func look(at seconds: Double) -> Action {
        var action = Action()
        if !hasSeenPause {
            if seconds - lastByte >= Self.pause { seePause(at: seconds) } else { action.next = lastByte + Self.pause }
        }
        if let end = decision(at: seconds) {
            if end <= seconds { action.endsRun = true } else { action.next = min(action.next ?? end, end) }
        }
        swap(&action.input, &input)
        return action
    }

    /// Ends the console.
    public mutating func close(at seconds: Double) {
        seePause(at: seconds)
        completeSightings()
    }

    /// Returns the time at which the run ends, as far as it is decided; nil if it is not.
    private func decision(at seconds: Double) -> Double? {
        if let failure = findings.failure {
            let start = failure.sighting.seconds
            switch failure.cause {
            case .script:
                if lineNumber > failure.sighting.lineNumber { return seconds }
                return min(lastByte + Self.pause, start + Self.patience.script)
            case .kernel:
                if hasPanicEnd && line.isEmpty { return seconds }
                let told = saidSince > Self.reportLimit ? Self.patience.flood : Self.patience.report
                return min(lastByte + Self.kernelPause, (findings.panic ?? failure).sighting.seconds + told)
            }
        }
        guard let met, script.endsWhenMet else { return nil }
        return min(lastByte + Self.pause, met + Self.patience.met)
    }

    private mutating func append(_ byte: UInt8) {
        if line.count >= 2 * Self.lineLimit { line.removeFirst(Self.lineLimit) }
        line.append(byte)
    }

    private mutating func endLine() {
        if hasOpenSighting { completeSightings() }
        line.removeAll(keepingCapacity: true)
        lineNumber += 1
    }

    private mutating func seePause(at seconds: Double) {
        guard !hasSeenPause, var search else { return }
        hasSeenPause = true
        self.search = nil
        for number in search.automaton.matchesAtPause() { see(search.purposes[number], at: seconds) }
        self.search = search
    }

    private mutating func see(_ purpose: Search.Purpose, at seconds: Double) {
        switch purpose {
        case .expectation(let index):
            guard findings.expectations[index] == nil else { return }
            findings.expectations[index] = sighting(at: seconds)
            unmet -= 1
            if unmet == 0 { met = seconds }
        case .answer(let index): answer(index, at: seconds)
        case .failure(let index):
            guard findings.failure == nil else { return }
            findings.failure = .init(cause: .script(index), sighting: sighting(at: seconds))
        case .distress(let index): suffer(index, at: seconds)
        case .harmless:
            harmlessLine = lineNumber
            if distress != nil, findings.failure?.sighting.lineNumber == lineNumber {
                findings.failure = nil
                distress = nil
            }
        case .panicEnd: hasPanicEnd = true
        }
    }

    private mutating func suffer(_ index: Int, at seconds: Double) {
        guard harmlessLine != lineNumber else { return }
        let distress = KernelDistress.all[index]
        let failure = ConsoleFindings.Failure(
            cause: .kernel(distress.name, isPanic: distress.isPanic), sighting: sighting(at: seconds))
        if distress.isPanic, findings.panic == nil { findings.panic = failure }
        // "BUG: " is seen before the rest of the line gives the exact sign.
        let isSameLine = findings.failure?.sighting.lineNumber == lineNumber
        guard findings.failure == nil || isSameLine && index < self.distress ?? -1 else { return }
        findings.failure = failure
        self.distress = index
    }

    private mutating func answer(_ first: Int, at seconds: Double) {
        let expression = script.answers[first].expression
        var before: ConsoleFindings.Sighting?
        for index in first..<script.answers.count where script.answers[index].expression == expression {
            if let sighting = findings.answers[index] {
                before = sighting
                continue
            }
            // A prompt that matches again on its line is the same prompt.
            guard before?.lineNumber != lineNumber else { return }
            findings.answers[index] = sighting(at: seconds)
            input += script.answers[index].bytes
            return
        }
    }

    private mutating func sighting(at seconds: Double) -> ConsoleFindings.Sighting {
        hasOpenSighting = true
        return .init(seconds: seconds, line: lineText, lineNumber: lineNumber)
    }

    /// The current line without the control characters that UTF-8 can still spell, which a terminal would obey.
    private var lineText: String {
        var text = ""
        for scalar in String(decoding: line.suffix(Self.lineLimit), as: UTF8.self).unicodeScalars {
            text.unicodeScalars.append((0x80...0x9F).contains(scalar.value) ? "\u{FFFD}" : scalar)
        }
        return text
    }

    /// Extends lines that matched early to their full length.
    private mutating func completeSightings() {
        hasOpenSighting = false
        let text = lineText
        for index in findings.expectations.indices where findings.expectations[index]?.lineNumber == lineNumber {
            findings.expectations[index]?.line = text
        }
        for index in findings.answers.indices where findings.answers[index]?.lineNumber == lineNumber {
            findings.answers[index]?.line = text
        }
        if findings.failure?.sighting.lineNumber == lineNumber { findings.failure?.sighting.line = text }
        if findings.panic?.sighting.lineNumber == lineNumber { findings.panic?.sighting.line = text }
    }
}
