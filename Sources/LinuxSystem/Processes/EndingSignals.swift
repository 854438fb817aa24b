import CSignals
import Glibc

/// A source of requests to end the run, such as SIGTERM, which the main loop waits for.
public protocol EndRequests: ~Copyable {
    /// A descriptor that is readable while a request is pending.
    var raw: Int32 { get }
    /// Returns the next signal that asks the run to end, nil if there is none.
    func nextSignal() -> Int32?
}

/// The signals that ask this process to end, and its time limit, from its first instructions on. docs/architecture.md.
///
/// C handlers receive them (CSignals), so that they interrupt a blocking call. A process that called `init` ends by
/// itself. If it has not after 0.8 s, or 1 s after the time limit, the handler restores the terminal, prints `sentence`
/// and ends the process.
public struct EndingSignals: ~Copyable, EndRequests, Sendable {
    /// The reason why the process is to end.
    public enum Cause: Equatable, Sendable {
        case signal(Int32)
        case timeLimit
    }

    public let raw: Int32

    /// Replaces the default actions; call it first of all. Until `init`, a request ends the process at once.
    public static func begin() { cs_begin() }

    /// Starts to listen: from here on the caller ends the process by itself when it is asked to.
    /// - Throws: `eventfd` failing, as when descriptors run out (EMFILE).
    public init() throws(SystemCallError) {
        raw = cs_listen()
        guard raw >= 0 else { throw SystemCallError(call: "eventfd", object: "signals", errno: .init(rawValue: -raw)) }
    }

    public func nextSignal() -> Int32? {
        let signal = cs_take()
        return signal > 0 ? signal : nil
    }

    /// Opens standard error for `sentence` now, so that an ending process opens no file.
    public static func openErrors() { cs_open_errors() }

    /// Sets the program name at the start of `sentence`: `swiftlet lab`. For the main thread, like all functions below.
    public static func speak(as speaker: StaticString) { withConstant(speaker, cs_set_speaker) }

    /// Sets the activity that `sentence` names: `loading the kernel`.
    public static func phase(_ phase: StaticString) { withConstant(phase, cs_set_phase) }

    private static func withConstant(_ string: StaticString, _ body: (UnsafePointer<CChar>?) -> Void) {
        string.withUTF8Buffer { bytes in bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress) } }
    }

    /// Ends the process after this time, counted from its start.
    /// - Parameters:
    ///   - words: the same time, as text for people.
    ///   - status: the exit status at the time limit.
    public static func limit(seconds: Double, words: String, status: Int32) throws(SystemCallError) {
        // More than a century: no limit.
        guard seconds < 4e9 else { return }
        let error = cs_set_limit(UInt64(max(seconds, 0) * 1e9), words, status)
        guard error == 0 else { throw SystemCallError(call: "setitimer", errno: .init(rawValue: error)) }
    }

    /// Pauses the time limit until `releaseLimit`. For the main thread.
    public static func holdLimit() { cs_hold_limit() }

    /// Resumes the time limit: the time since `holdLimit` does not count. For the main thread.
    /// - Throws: `setitimer` failing.
    public static func releaseLimit() throws(SystemCallError) {
        let error = cs_release_limit()
        guard error == 0 else { throw SystemCallError(call: "setitimer", errno: .init(rawValue: error)) }
    }

    /// The first request that came; nil if none came. From any thread.
    public static var cause: Cause? {
        switch cs_cause() {
        case 0: nil
        case CS_LIMIT: .timeLimit
        case let signal: .signal(signal)
        }
    }

    /// The exit status that a signal asks for, 128 + N; nil if no signal came.
    public static var status: Int32? {
        if case .signal(let signal)? = cause { 128 + signal } else { nil }
    }

    /// True if a `BlockingCall` was abandoned because the process is to end.
    public static var isInterrupted: Bool { cs_is_interrupted() != 0 }

    /// The time of `begin` in nanoseconds of `MonotonicClock`; nil if it was not called, as in tests.
    public static var beginning: UInt64? {
        let moment = cs_beginning()
        return moment > 0 ? moment : nil
    }

    /// The reason of the end and the activity that it interrupted: `ended by SIGTERM while k.elf was being opened`.
    /// Empty without a cause.
    public static var sentence: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            _ = cs_sentence(start, buffer.count)
            return String(cString: start)
        }
    }

    /// Returns a signal's name: `SIGINT (^C)`.
    public static func name(of signal: Int32) -> String {
        cs_name(signal).map { String(cString: $0) } ?? "signal \(signal)"
    }

    /// Extends the time limit by another second, at most 10 s in all: the process is making progress.
    public static func prolong() { cs_prolong() }
}
