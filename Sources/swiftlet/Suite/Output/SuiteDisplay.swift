import Glibc
import LinuxSystem
import Scripting

/// The display of a running suite: permanent lines and, on a terminal, the running tests below them.
///
/// The running tests are erased before a line is written and drawn again after it, in one write. The terminal's modes
/// are not changed and its cursor is on an empty line below, so that it is clean whenever the suite ends, even if
/// killed.
final class SuiteDisplay {
    /// The interval of redrawing in milliseconds.
    static let interval: Int32 = 500
    /// The signals that a live display handles: a terminal's change of size, and the key that stops its job.
    static let signals = [SIGWINCH, SIGTSTP]
    /// The largest number of lines for running tests.
    private static let tallest = 12

    /// The terminal for running tests: standard output's or, if lines go elsewhere, standard error's.
    private let terminal: Int32?
    private let hasColor: Bool
    private var progress = SuiteProgress(planned: 0)
    private var start = MonotonicClock.now
    /// The number of lines of running tests on the terminal now.
    private var shown = 0
    /// The error of the first permanent line that could not be written; nil if all were.
    private(set) var failure: SystemCallError?

    /// - Parameter others: further paths that the suite writes to. If one is a terminal, the display can't know the
    ///   lines on it.
    init(besides others: [String] = []) {
        let kind = Self.variable("TERM")
        let isCapable = !kind.isEmpty && kind != "dumb"
        terminal = isCapable && !others.contains(where: Self.isTerminal) ? [1, 2].first { isatty($0) == 1 } : nil
        // no-color.org: any value counts.
        hasColor = terminal == 1 && Self.variable("NO_COLOR").isEmpty
    }

    /// True if it shows running tests, and expects calls of `show`.
    var isLive: Bool { terminal != nil }

    /// Begins the suite.
    func begin(planned: Int) {
        progress = SuiteProgress(planned: planned)
        start = MonotonicClock.now
    }

    /// Adds a finished test.
    func add(_ result: SuiteResult) {
        progress.counts.add(result.record)
        progress.running.removeAll { $0.name == result.name }
        print(result.lines)
    }

    /// Writes permanent lines, made safe for a terminal, at once, so that a pipe's reader sees a test's end
    /// immediately.
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

    /// Shows the running tests, unless another job has the terminal or it accepts nothing.
    func show(_ running: [SuiteProgress.Boot]) {
        progress.running = running
        guard let terminal else { return }
        guard isForeground(terminal) else {
            // Text that the shell has written since must not be erased.
            shown = 0
            return
        }
        var room = pollfd(fd: terminal, events: Int16(POLLOUT), revents: 0)
        guard poll(&room, 1, 0) == 1, room.revents & Int16(POLLOUT) != 0 else { return }
        let block = block()
        _ = Self.write(erasure + block.text, to: terminal)
        shown = block.lines
    }

    /// Erases the running tests.
    func clear() {
        guard let terminal, shown > 0 else { return }
        _ = Self.write(erasure, to: terminal)
        shown = 0
    }

    /// Handles one of `signals`.
    func handle(_ signal: Int32) {
        guard signal == SIGTSTP else { return }
        clear()
        kill(getpid(), SIGSTOP)
    }

    private func block() -> (text: String, lines: Int) {
        progress.seconds = Double(MonotonicClock.now - start) / 1e9
        let size = TerminalSize(of: terminal ?? 1)
        // One column stays free: some terminals wrap a line that fills the last one. So do two lines, for the cursor
        // and for a result.
        let lines = progress.lines(width: max(size.columns - 1, 1), height: min(max(size.rows - 2, 1), Self.tallest))
        return (lines.map { "\($0)\n" }.joined(), lines.count)
    }

    /// Moves to the first line of the display, and erases everything from there on. ECMA-48, CUU and ED.
    ///
    /// A terminal that became narrower may have wrapped lines; parts of them then stay, and no line of results is lost.
    private var erasure: String { shown > 0 ? "\r\u{1B}[\(shown)A\u{1B}[J" : "" }

    private func isForeground(_ terminal: Int32) -> Bool {
        let group = tcgetpgrp(terminal)
        return group < 0 || group == getpgrp()
    }

    /// Colors a verdict. ECMA-48, SGR.
    private static func colored(_ line: String) -> String {
        for (verdict, color) in [("PASS", 32), ("FAIL", 31), ("SKIP", 33), ("ERROR", 35)]
        where line.hasPrefix("\(verdict) ") {
            return "\u{1B}[\(color)m\(verdict)\u{1B}[0m\(line.dropFirst(verdict.utf8.count))"
        }
        return line
    }

    private static func isTerminal(_ path: String) -> Bool {
        var status = stat()
        // Nothing else is opened: opening a pipe would wait for its reader.
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
