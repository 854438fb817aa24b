import Glibc
import LinuxSystem
import Scripting

/// What a suite shows while it runs: lines that stay and, on a terminal, below them what runs now.
///
/// What runs now is taken away before a line is written and written anew behind it, in one piece. The terminal's modes
/// are left alone and its cursor stands on an empty line below, so that it is clean whenever the suite ends, killed or
/// not.
final class SuiteDisplay {
    /// How often what runs is shown anew, in milliseconds.
    static let interval: Int32 = 500
    /// What a suite hears while it is live: a terminal's change of size, and the key that stops its job.
    static let signals = [SIGWINCH, SIGTSTP]
    /// Lines that what runs may take.
    private static let tallest = 12

    /// Where what runs is shown: the terminal of standard output or, where lines go elsewhere, of standard error.
    private let terminal: Int32?
    private let hasColor: Bool
    private var progress = SuiteProgress(planned: 0)
    private var start = MonotonicClock.now
    /// How many lines of what runs the terminal shows now.
    private var shown = 0
    /// What the first of the lines that stay failed with which could not be written; nil where all were.
    private(set) var failure: SystemCallError?

    /// - Parameter others: paths that the suite writes to besides. Where one is a terminal, nothing could tell which
    ///   lines are there.
    init(besides others: [String] = []) {
        let kind = Self.variable("TERM")
        let isCapable = !kind.isEmpty && kind != "dumb"
        terminal = isCapable && !others.contains(where: Self.isTerminal) ? [1, 2].first { isatty($0) == 1 } : nil
        // no-color.org: whatever it is set to.
        hasColor = terminal == 1 && Self.variable("NO_COLOR").isEmpty
    }

    /// Whether it shows what runs, and wants to be asked to.
    var isLive: Bool { terminal != nil }

    /// The suite begins now.
    func begin(planned: Int) {
        progress = SuiteProgress(planned: planned)
        start = MonotonicClock.now
    }

    /// A test is over.
    func tell(_ result: SuiteResult) {
        progress.counts.add(result.record)
        progress.running.removeAll { $0.name == result.name }
        print(result.lines)
    }

    /// Writes lines that stay, made safe for a terminal, at once, so that a pipe's reader sees a test's end when it
    /// comes.
    func print(_ lines: [String]) {
        let text = lines.map(ReportText.line).map { "\(hasColor ? Self.colored($0) : $0)\n" }.joined()
        guard terminal == 1, shown > 0 else {
            let failure = Self.write(text, to: 1)
            self.failure = self.failure ?? failure
            return
        }
        let block = block()
        let failure = Self.write(erasure + text + block.text, to: 1)
        self.failure = self.failure ?? failure
        shown = block.lines
    }

    /// Shows what runs, unless the terminal is another job's now or takes nothing.
    func show(_ running: [SuiteProgress.Boot]) {
        progress.running = running
        guard let terminal else { return }
        guard isForeground(terminal) else {
            // What the shell has written since is not to be taken away.
            shown = 0
            return
        }
        var room = pollfd(fd: terminal, events: Int16(POLLOUT), revents: 0)
        guard poll(&room, 1, 0) == 1, room.revents & Int16(POLLOUT) != 0 else { return }
        let block = block()
        _ = Self.write(erasure + block.text, to: terminal)
        shown = block.lines
    }

    /// Takes away what runs.
    func clear() {
        guard let terminal, shown > 0 else { return }
        _ = Self.write(erasure, to: terminal)
        shown = 0
    }

    /// One of `signals` came.
    func handle(_ signal: Int32) {
        guard signal == SIGTSTP else { return }
        clear()
        kill(getpid(), SIGSTOP)
    }

    private func block() -> (text: String, lines: Int) {
        progress.seconds = Double(MonotonicClock.now - start) / 1e9
        let size = TerminalSize(of: terminal ?? 1)
        // A column stays free: some terminals break a line that fills the last one. So do two lines, this one's and one
        // of results.
        let lines = progress.lines(width: max(size.columns - 1, 1), height: min(max(size.rows - 2, 1), Self.tallest))
        return (lines.map { "\($0)\n" }.joined(), lines.count)
    }

    /// Up to the first line of what is shown, and all from there on away. ECMA-48, CUU and ED.
    ///
    /// A terminal that became narrower may have broken lines in two; parts of them then stay, and no line of results is
    /// lost.
    private var erasure: String { shown > 0 ? "\r\u{1B}[\(shown)A\u{1B}[J" : "" }

    private func isForeground(_ terminal: Int32) -> Bool {
        let group = tcgetpgrp(terminal)
        return group < 0 || group == getpgrp()
    }

    /// A verdict in its color. ECMA-48, SGR.
    private static func colored(_ line: String) -> String {
        for (verdict, color) in [("PASS", 32), ("FAIL", 31), ("SKIP", 33), ("ERROR", 35)]
        where line.hasPrefix("\(verdict) ") {
            return "\u{1B}[\(color)m\(verdict)\u{1B}[0m\(line.dropFirst(verdict.utf8.count))"
        }
        return line
    }

    private static func isTerminal(_ path: String) -> Bool {
        var status = stat()
        // No other kind is opened: that of a pipe would wait for its reader.
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFCHR,
            case let raw = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC), raw >= 0
        else {
            return false
        }
        defer { close(raw) }
        return isatty(raw) == 1
    }

    private static func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }

    private static func write(_ text: String, to descriptor: Int32) -> SystemCallError? {
        OutputStream.write(Array(text.utf8), to: descriptor)
    }
}
