import Glibc
import LinuxSystem
import Scripting

/// Runs a suite's cases, each in a process of its own, several at a time.
///
/// Each has its own process, so that no guest's effect in one run reaches another, and so that each can be repeated by
/// the line that is printed.
struct SuiteRun: ~Copyable {
    /// The reason why a suite can't be run to its end.
    enum Failure: Error, CustomStringConvertible {
        case system(SystemCallError)
        case noLogs(String, OutputFileError)
        /// A file of a boot can't be created: its kind, its path and the error.
        case noOutput(String, String, OutputFileError)
        /// With the tests that were running, and the number that had not begun.
        case interrupted(Int32, running: [String], waiting: Int)

        var description: String {
            switch self {
            case .system(let error): "\(error)"
            case .noLogs(let path, let error): "the consoles can't be kept in \(path): \(error)"
            case .noOutput(let what, let path, let error): "\(what) can't be written to \(path): \(error)"
            case .interrupted(let signal, _, _): "ended by signal \(signal); what was running was ended too"
            }
        }
    }

    /// A case that is still to run, perhaps again.
    private struct Waiting {
        let number: Int
        var retried: [TestRecord.Attempt] = []
        /// The time since when another process has its device, in nanoseconds of the monotonic clock; nil while none
        /// does.
        var since: UInt64?
    }

    /// A running case. A class because an array can't hold a noncopyable file.
    private final class Running {
        let number: Int
        let waiting: Waiting
        let lease: DeviceLease
        let start = MonotonicClock.now
        let arguments: [String]
        let child: ChildProcess
        let console: Descriptor
        let words: TemporaryFile
        /// Signalled when its guest has ended.
        let slot: EventDescriptor
        /// The channel of its result.
        let result: ResultChannel
        /// True if its guest has ended, so that another test may begin.
        var hasGivenBack = false
        /// The time when it is killed, in nanoseconds of the monotonic clock; nil for never.
        let deadline: UInt64?
        var isGivenUp = false

        init(
            _ waiting: Waiting, lease: DeviceLease, arguments: [String], child: ChildProcess,
            console: consuming Descriptor,
            words: consuming TemporaryFile, slot: consuming EventDescriptor, result: consuming ResultChannel,
            deadline: UInt64?
        ) {
            number = waiting.number
            self.waiting = waiting
            self.lease = lease
            self.arguments = arguments
            self.child = child
            self.console = console
            self.words = words
            self.slot = slot
            self.result = result
            self.deadline = deadline
        }

        /// True if it has ended; does not collect its status.
        var isOver: Bool {
            var information = siginfo_t()
            return waitid(P_PID, id_t(child.id), &information, WEXITED | WNOHANG | WNOWAIT) != 0
                || information.si_signo == SIGCHLD
        }
    }

    /// The time in seconds after its own limit when a run is killed: it should end itself at the limit.
    private static let grace = 30.0
    /// The interval in milliseconds of requests for a device that another suite has.
    private static let leaseInterval: Int32 = 100
    /// The largest number of ended guests per job whose machines the kernel is still destroying while the next ones
    /// run.
    private static let endingLimit = 8
    /// The largest part of a console's end that is read.
    private static let consoleLimit = 4 << 20

    private let cases: [SuiteCase]
    private let jobs: Int
    private let logs: String?
    private let logLimit: SizeLimit
    private let requests: EndingSignals
    private let signals: SignalDescriptor
    private let failFast: Bool
    /// The time in seconds that a test waits for a device of another process.
    private let patience: Double
    private let notice: (String) -> Void
    private let display: SuiteDisplay?
    private var waiting: [Waiting]
    private var running: [Running] = []

    /// - Parameters:
    ///   - jobs: the number of concurrent tests, 1 or more.
    ///   - logs: a directory for each case's console as NAME.log, nil for none.
    ///   - logLimit: the largest size of each of them, and of a console without a log.
    ///   - patience: the time in seconds that a test waits for a device of another process.
    ///   - failFast: true to start no other case after a failure.
    ///   - display: shows running tests, if there is one.
    ///   - notice: receives messages that are no results, a line each.
    init(
        _ cases: [SuiteCase], jobs: Int, logs: String?, logLimit: SizeLimit = .suiteLog,
        patience: Double = SuiteCommand.defaultPatience,
        failFast: Bool = false, display: SuiteDisplay? = nil,
        notice: @escaping (String) -> Void = { _ in }
    ) throws(Failure) {
        self.failFast = failFast
        self.patience = patience
        self.display = display
        self.notice = notice
        waiting = cases.indices.map { Waiting(number: $0) }
        self.cases = cases
        self.jobs = max(jobs, 1)
        self.logs = logs
        self.logLimit = logLimit
        let begun = cases.filter { if case .run = $0.plan { true } else { false } }
        do throws(SuiteOutputCheck.Failure) {
            try SuiteOutputCheck.prepare(begun, logs: logs)
        } catch {
            throw error.what.map { .noOutput($0, error.path, error.cause) } ?? .noLogs(error.path, error.cause)
        }
        // SIGCHLD wakes it when a child has ended.
        let heard = [SIGCHLD] + (display?.isLive == true ? SuiteDisplay.signals : [])
        do throws(SystemCallError) {
            let requests = try EndingSignals()
            let signals = try SignalDescriptor(heard)
            self.requests = requests
            self.signals = signals
        } catch {
            throw .system(error)
        }
    }

    /// Returns the path of a test's console log.
    static func log(of test: SuiteCase, in logs: String) -> String { "\(logs)/\(test.fileName).log" }

    /// Runs all, and reports each as it ends.
    /// - Returns: the results in the order of the cases.
    mutating func run(onResult: (SuiteResult) -> Void) throws(Failure) -> [SuiteResult] {
        do throws(Failure) {
            return try runAll(onResult)
        } catch {
            endRunning()
            throw error
        }
    }

    private mutating func runAll(_ onResult: (SuiteResult) -> Void) throws(Failure) -> [SuiteResult] {
        var results = [SuiteResult?](repeating: nil, count: cases.count)
        func record(_ number: Int, _ result: SuiteResult) {
            results[number] = result
            onResult(result)
        }
        while !waiting.isEmpty || !running.isEmpty {
            try startWaiting(record)
            guard !waiting.isEmpty || !running.isEmpty else { break }
            try wait()
            for over in running where over.isOver {
                // Removed from the list first: its id may be reused after it was waited for.
                running.removeAll { $0.number == over.number }
                var result = finish(over)
                result.seconds = Double(MonotonicClock.now - over.start) / 1e9
                result.retried = over.waiting.retried
                result.log = logs.map { Self.log(of: cases[over.number], in: $0) }
                conclude(over.number, result, record)
            }
        }
        return results.compactMap(\.self)
    }

    /// Records the result of a finished run, or queues it for a retry.
    private mutating func conclude(_ number: Int, _ result: SuiteResult, _ record: (Int, SuiteResult) -> Void) {
        guard let reason = result.verdict.complaint else { return record(number, result) }
        if result.retried.count < cases[number].retries {
            let attempt = TestRecord.Attempt(
                reason: reason, seconds: result.seconds, isError: result.verdict == .error(reason))
            waiting.insert(Waiting(number: number, retried: result.retried + [attempt]), at: 0)
            return
        }
        record(number, result)
        guard failFast else { return }
        let why = result.verdict == .error(reason) ? "the host had failed a test before" : "a test had failed before"
        for rest in waiting { record(rest.number, SuiteResult(cases[rest.number], .skipped("not run: \(why)"))) }
        waiting = []
    }

    /// True if another test may begin.
    private var hasRoom: Bool {
        running.count < jobs * Self.endingLimit && running.count(where: { !$0.hasGivenBack }) < jobs
    }

    /// Starts waiting tests for which there are free jobs and devices.
    private mutating func startWaiting(_ record: (Int, SuiteResult) -> Void) throws(Failure) {
        var place = 0
        while place < waiting.count, hasRoom {
            let next = waiting[place]
            let test = cases[next.number]
            guard case .run(let arguments, let timeout) = test.plan else {
                waiting.remove(at: place)
                if case .skip(let reason) = test.plan { record(next.number, SuiteResult(test, .skipped(reason))) }
                continue
            }
            switch Result(catching: { () throws(LeaseFile.Failure) in try DeviceLease.acquire(test.devices) }) {
            case .failure(let error):
                waiting.remove(at: place)
                giveUp(next, "its device can't be leased: \(error)", record)
            case .success(.taken(let lease)):
                waiting.remove(at: place)
                do {
                    running.append(try start(next, arguments, timeout: timeout, lease: lease))
                } catch {
                    // Only this boot fails: when others have ended there may be descriptors, processes and memory
                    // again.
                    giveUp(next, "it could not be started: \(error)", record)
                }
            case .success(.busy(let device, let holder)):
                let now = MonotonicClock.now
                if running.contains(where: { cases[$0.number].devices.contains(device) }) {
                    waiting[place].since = nil
                } else if let since = next.since, Double(now - since) / 1e9 >= patience {
                    waiting.remove(at: place)
                    giveUp(next, "\(device) was not free within \(Duration.words(patience)): \(holder) has it", record)
                    continue
                } else if next.since == nil {
                    notice("#   \(test.name) waits for \(device), which \(holder) has")
                    waiting[place].since = now
                }
                place += 1
            }
        }
    }

    /// Records a boot that could not be started as an error, or queues it for a retry.
    private mutating func giveUp(_ next: Waiting, _ reason: String, _ record: (Int, SuiteResult) -> Void) {
        var result = SuiteResult(cases[next.number], .error(reason))
        result.retried = next.retried
        conclude(next.number, result, record)
    }

    private func start(_ waiting: Waiting, _ arguments: [String], timeout: Double?, lease: DeviceLease) throws
        -> Running
    {
        let console = try openConsole(cases[waiting.number])
        let nothing = try Descriptor(opening: "/dev/null")
        let words = try TemporaryFile("what a run says")
        let slot = try EventDescriptor("a job's slot")
        let result = try ResultChannel()
        let child = try ChildProcess(
            "/proc/self/exe", arguments: arguments,
            environment: Self.environment + [result.entry, LogLimit.entry(logLimit)],
            descriptors: [nothing.raw, console.raw, words.descriptor.raw, slot.raw, result.writing.raw]
                + lease.descriptors)
        return Running(
            waiting, lease: lease, arguments: arguments, child: child, console: console, words: words, slot: slot,
            result: result,
            deadline: timeout.map { MonotonicClock.now + UInt64(($0 + Self.grace) * 1e9) })
    }

    private func openConsole(_ test: SuiteCase) throws -> Descriptor {
        guard let logs else { return try TemporaryFile("a console").release() }
        return try OutputFile(Self.log(of: test, in: logs), appends: true, reads: true).release()
    }

    private static var environment: [String] {
        var variables: [String] = []
        var entry = environ
        while let text = entry.pointee {
            variables.append(String(cString: text))
            entry += 1
        }
        // So that no boot outlives a killed suite, and none uses another's slot.
        let own = [ParentTie.variable, JobSlot.variable, ResultChannel.variable, LogLimit.variable].map { "\($0)=" }
        return variables.filter { variable in !own.contains { variable.hasPrefix($0) } }
            + [ParentTie.entry, "\(JobSlot.variable)=\(JobSlot.descriptor)"]
    }

    /// Waits until a case may have ended, and kills those that are long past their limit.
    private mutating func wait() throws(Failure) {
        let now = MonotonicClock.now
        let next = running.compactMap { $0.isGivenUp ? nil : $0.deadline }.min()
        var patience = next.map { $0 > now ? Int32(clamping: ($0 - now) / 1_000_000 + 1) : 0 } ?? -1
        // There is no notification when another suite releases a device.
        if !waiting.isEmpty, hasRoom {
            patience = patience < 0 ? Self.leaseInterval : min(patience, Self.leaseInterval)
        }
        if let display, display.isLive {
            display.show(
                running.map {
                    SuiteProgress.Boot(
                        name: cases[$0.number].name, attempt: $0.waiting.retried.count + 1,
                        seconds: Double(MonotonicClock.now - $0.start) / 1e9)
                })
            patience = patience < 0 ? SuiteDisplay.interval : min(patience, SuiteDisplay.interval)
        }
        // Whether a test has failed is known at its end only, and one job is one test after the other: who asks for
        // that doesn't listen.
        let busy = failFast || jobs == 1 ? [] : running.filter { !$0.hasGivenBack }
        var events = ([requests.raw, signals.raw] + busy.map { $0.slot.raw }).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        _ = poll(&events, nfds_t(events.count), patience)
        for (member, event) in zip(busy, events.dropFirst(2)) where event.revents != 0 { member.hasGivenBack = true }
        if let signal = requests.nextSignal() { throw interruption(signal) }
        while let signal = signals.nextSignal() {
            if SuiteDisplay.signals.contains(signal) { display?.handle(signal) }
        }
        for member in running where !member.isGivenUp {
            guard let deadline = member.deadline, MonotonicClock.now >= deadline else { continue }
            member.isGivenUp = true
            member.child.signal(SIGKILL)
        }
    }

    private func interruption(_ signal: Int32) -> Failure {
        .interrupted(signal, running: running.map { cases[$0.number].name }, waiting: waiting.count)
    }

    /// The time in nanoseconds that running tests have to end by themselves: the suite's reports then have the rest of
    /// its own second.
    private static let endingTime: UInt64 = 500_000_000

    /// Ends running tests, first by a signal: a run that is asked to end reports its guest's position.
    private mutating func endRunning() {
        for member in running { member.child.signal(SIGTERM) }
        let deadline = MonotonicClock.now + Self.endingTime
        while MonotonicClock.now < deadline, running.contains(where: { !$0.isOver }) { usleep(10_000) }
        for member in running {
            member.child.signal(SIGKILL)
            _ = try? member.child.wait()
        }
        running = []
    }

    private func finish(_ over: Running) -> SuiteResult {
        let test = cases[over.number]
        do throws(SystemCallError) {
            let termination = try over.child.wait()
            let handed = Result { () throws(RunResult.Malformed) in try over.result.result() }
            let (console, words) = (try Self.text(over.console), try Self.text(over.words.descriptor))
            var result = SuiteResult(
                test, arguments: over.arguments, termination: termination, handed: handed, console: console,
                lastWords: words)
            if over.isGivenUp {
                result.verdict = .error(
                    "swiftlet did not end within \(Int(Self.grace)) s of its time limit and was killed")
            }
            return result
        } catch {
            return SuiteResult(test, .error("what became of it is not known: \(error)"))
        }
    }

    private static func text(_ file: borrowing Descriptor) throws(SystemCallError) -> String {
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { throw .last("fstat", file.object) }
        let size = Int(max(status.st_size, 0))
        let start = max(size - consoleLimit, 0)
        return String(decoding: try file.read(count: size - start, at: UInt64(start)), as: UTF8.self)
    }
}
