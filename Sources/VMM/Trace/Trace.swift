import Glibc
import KVM
public import LinuxSystem
import Synchronization

/// A timeline of a run in the Chrome trace-event format: docs/trace.md.
///
/// vCPUs and threads that deliver interrupts record events in rings of their own. The trace's thread reads the rings
/// every few milliseconds, formats the events and writes them. If it can't keep up, events are dropped and counted, and
/// the trace says so.
public final class Trace: Sendable {
    /// The state of the file.
    public struct Summary: Sendable {
        /// Events that were dropped because they came too fast.
        public var dropped: UInt64
        /// Events that were dropped because of the file's limit.
        public var missing = 0
        /// The error that ended writing the file.
        public var failure: SystemCallError?
    }

    /// Text that the main thread has formatted.
    private struct Words {
        var text: TraceText
        var dropped: UInt64 = 0
        /// The guest's current line.
        var line: [UInt8] = []
        var lineStart: UInt64?
    }

    /// The owner of the thread.
    private final class Worker: @unchecked Sendable {
        // @unchecked: only the main thread uses it.
        private var thread: Thread?

        func start(_ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
            thread = try Thread("trace", body)
        }

        func join() {
            if let thread = thread.take() { thread.join() }
        }
    }

    private struct Followed {
        let line: InterruptLine
        var seen: UInt64
    }

    /// 32768 exits per vCPU, 3 MB; a tenth of it for many vCPUs.
    private static let ringShift: UInt64 = 15
    private static let smallRingShift: UInt64 = 12
    private static let manyCPUs = 16
    private static let wordsLimit = 4 << 20
    /// The largest number of bytes shown of a console line.
    private static let lineLimit = 200
    /// The largest number of bytes shown of the run's last line.
    private static let sentenceLimit = 500
    private static let interval: Int32 = 5

    private let origin = MonotonicClock.now
    private let vcpus = Mutex<[TraceRing]>([])
    private let interrupts: TraceRing
    private let sources = Mutex<[String]>([])
    private let words: Mutex<Words>
    private let lines = Mutex<[Followed]>([])
    /// The names of the functions on the bus, by slot.
    private let names = Mutex<[String]>([])
    private let loop: EventLoop
    private let isEnding = Atomic<Bool>(false)
    private let worker: Worker
    private let summary = Mutex<Summary?>(nil)
    private let lastSentence = Mutex<String?>(nil)
    public let limit: FileLimit

    /// Creates the file and starts. `finish` must follow.
    /// - Parameters:
    ///   - title: the name of the run.
    ///   - limit: the largest size of the file.
    public init(path: String, title: String, limit: FileLimit) throws(OutputFileError) {
        self.limit = limit
        var text = TraceText(origin: origin)
        text.name(0, "swiftlet run \(title)", process: true)
        text.name(TraceText.Track.run, "run")
        text.name(TraceText.Track.console, "console")
        text.name(TraceText.Track.interrupts, "interrupts")
        // The first event has no comma before it.
        let file = try TraceFile(
            path, limit: limit,
            beginning: Array("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[".utf8) + text.bytes.dropFirst())
        if let failure = file.failure { throw .system(failure) }
        words = Mutex(Words(text: TraceText(origin: origin)))
        do throws(SystemCallError) {
            interrupts = try TraceRing(shift: Self.ringShift)
            loop = try EventLoop("trace")
            worker = Worker()
            let writer = Writer(self, file)
            try worker.start { writer.run() }
        } catch {
            throw .system(error)
        }
    }

    // MARK: Recording

    /// Returns the track of a vCPU, the same for each boot.
    func track(_ number: Int, of count: Int, ecam: Range<UInt64>) throws(SystemCallError) -> VCPUTrack {
        let ring = try vcpus.withLock { rings throws(SystemCallError) in
            while rings.count <= number {
                rings.append(try TraceRing(shift: count > Self.manyCPUs ? Self.smallRingShift : Self.ringShift))
            }
            return rings[number]
        }
        return VCPUTrack(ring, ecam: ecam)
    }

    /// Records an interrupt that the guest gets. From any thread.
    func record(_ interrupt: InterruptEvent) {
        let now = MonotonicClock.now
        var entry = TraceEntry(event: .line, entered: now, left: now, served: now)
        switch interrupt {
        case .line(let gsi, let level): (entry.address, entry.answer) = (UInt64(gsi), level ? 1 : 0)
        case .message(let message, let delivery, let source):
            (entry.event, entry.address, entry.value) = (.message, message.address, UInt64(message.data))
            entry.answer =
                switch delivery {
                case .blocked: 0
                case .delivered: 1
                case nil: 2
                }
            entry.count = number(of: source)
        }
        interrupts.put(entry)
    }

    private func number(of source: String) -> UInt32 {
        sources.withLock { sources in
            if let known = sources.firstIndex(of: source) { return UInt32(known) }
            sources.append(source)
            return UInt32(sources.count - 1)
        }
    }

    /// Sets the names of the functions on the guest's bus, by slot.
    func name(_ functions: [String]) { names.withLock { $0 = functions } }

    /// Starts to record the guest's acknowledgements of these lines.
    func follow(_ new: [InterruptLine]) {
        lines.withLock { lines in
            for old in lines { loop.forget(old.line.acknowledgementEvent) }
            lines = new.map { Followed(line: $0, seen: $0.acknowledgedCount) }
            for line in new { try? loop.watch(line.acknowledgementEvent, token: UInt64(line.gsi)) }
        }
    }

    /// Records a finished part of the run, which began at `start`, a time of `MonotonicClock`. From the main thread.
    public func phase(_ name: StaticString, since start: UInt64) {
        write { $0.slice(TraceText.Track.run, name, from: start, to: MonotonicClock.now, category: "phase") }
    }

    /// Records a moment of the run. From the main thread.
    public func moment(_ name: String) {
        write { $0.instant(TraceText.Track.run, at: MonotonicClock.now, category: "phase", name: name) }
    }

    /// Records bytes that the guest wrote to its console. From the main thread.
    func record(_ bytes: [UInt8], _ starts: [ConsoleLineStart]) {
        var next = starts[...]
        var done = 0
        while done < bytes.count {
            if let start = next.first, start.offset == done {
                endLine()
                words.withLock { $0.lineStart = start.time }
                next.removeFirst()
            }
            let end = next.first?.offset ?? bytes.count
            words.withLock { words in
                words.line.append(contentsOf: bytes[done..<min(end, done + max(Self.lineLimit - words.line.count, 0))])
            }
            done = end
        }
    }

    private func endLine() {
        let (line, start) = words.withLock { words in
            let line = words.line
            words.line.removeAll(keepingCapacity: true)
            return (line, words.lineStart.take())
        }
        guard let start else { return }
        let text = line.prefix { $0 != 0x0A && $0 != 0x0D }
        write {
            $0.instant(
                TraceText.Track.console, at: start, category: "console", name: String(decoding: text, as: UTF8.self))
        }
    }

    private func write(_ event: (inout TraceText) -> Void) {
        words.withLock { words in
            guard words.text.bytes.count < Self.wordsLimit else {
                words.dropped += 1
                return
            }
            event(&words.text)
        }
    }

    /// Writes the rest and ends the thread. Later calls only return the summary again.
    /// - Parameter sentence: the run's last message, which is written even at the file's limit.
    public func finish(saying sentence: String? = nil) -> Summary {
        endLine()
        lastSentence.withLock { $0 = sentence }
        isEnding.store(true, ordering: .releasing)
        worker.join()
        return summary.withLock { $0 } ?? Summary(dropped: 0, failure: nil)
    }

    // MARK: The trace's own thread

    private final class Writer: @unchecked Sendable {
        // @unchecked: belongs to the trace's thread.

        private let trace: Trace
        private var file: TraceFile
        private var text: TraceText
        private var named = 0
        /// The number of dropped entries reported so far, by track.
        private var reported: [Int: UInt64] = [:]
        private var hasToldLimit = false

        init(_ trace: Trace, _ file: consuming TraceFile) {
            self.trace = trace
            self.file = file
            text = TraceText(origin: trace.origin)
        }

        func run() {
            while true {
                // Read first: all events recorded before the end was requested must be written.
                let isLast = trace.isEnding.load(ordering: .acquiring)
                collect()
                guard !isLast else { break }
                trace.loop.wait(milliseconds: Trace.interval) { _ in }
            }
            let dropped = reported.values.reduce(0, +)
            if dropped > 0 { say("\(dropped) events were dropped in all") }
            if file.missing > 0 {
                say("\(file.missing) events are not in this file, which has reached \(trace.limit.words)")
            }
            if let sentence = trace.lastSentence.withLock({ $0 }) { say(sentence, category: "phase") }
            file.appendLast(text.bytes)
            file.close()
            trace.summary.withLock { $0 = Summary(dropped: dropped, missing: file.missing, failure: file.failure) }
        }

        private func say(_ words: String, category: StaticString = "trace") {
            let shown = String(String.UnicodeScalarView(words.unicodeScalars.prefix(Trace.sentenceLimit)))
            text.instant(TraceText.Track.run, at: MonotonicClock.now, category: category, name: shown)
        }

        private func collect() {
            let rings = trace.vcpus.withLock { $0 }
            while named < rings.count {
                text.name(TraceText.Track.vcpu(named), "vCPU \(named)")
                named += 1
            }
            let names = trace.names.withLock { $0 }
            for (number, ring) in rings.enumerated() {
                collect(ring, TraceText.Track.vcpu(number)) { $0.write($1, of: number, names) }
            }
            collect(trace.interrupts, TraceText.Track.interrupts) { writer, entry in
                let sources = writer.trace.sources.withLock { $0 }
                let isMessage = entry.event == .message && sources.indices.contains(Int(entry.count))
                writer.text.interrupt(entry, source: isMessage ? sources[Int(entry.count)] : "")
            }
            acknowledgements()
            let (words, dropped) = trace.words.withLock { words in
                defer { words.text.removeAll() }
                return (words.text.bytes, words.dropped)
            }
            flush(and: words)
            reportDrops(dropped, TraceText.Track.console)
            flush()
        }

        private func collect(_ ring: TraceRing, _ track: Int, _ write: (Writer, TraceEntry) -> Void) {
            while let entry = ring.pop() {
                if file.isCut {
                    file.miss(entry.event == .exit ? TraceText.count(entry) : 1)
                } else {
                    write(self, entry)
                }
                if text.bytes.count > 1 << 16 { flush() }
            }
            reportDrops(ring.droppedCount, track)
        }

        private func write(_ entry: TraceEntry, of vcpu: Int, _ names: [String]) {
            if entry.event == .exit { return text.exit(TraceText.Track.vcpu(vcpu), entry, names: names) }
            if vcpu == 0 {
                text.instant(TraceText.Track.vcpu(0), at: entry.entered, category: "phase", name: "first instruction")
            }
        }

        private func acknowledgements() {
            trace.lines.withLock { lines in
                for index in lines.indices {
                    let now = lines[index].line.acknowledgedCount
                    guard now > lines[index].seen else { continue }
                    text.instant(
                        TraceText.Track.interrupts, at: MonotonicClock.now, category: "interrupt",
                        name: "INTx GSI \(lines[index].line.gsi) acknowledged",
                        arguments: [("count", "\(now - lines[index].seen)")])
                    lines[index].seen = now
                }
            }
        }

        /// Adds an event to the trace for entries that were dropped since the last one.
        private func reportDrops(_ dropped: UInt64, _ track: Int) {
            let before = reported[track] ?? 0
            guard dropped > before else { return }
            reported[track] = dropped
            guard !file.isCut else { return }
            text.instant(track, at: MonotonicClock.now, category: "trace", name: "\(dropped - before) events dropped")
        }

        private func flush(and words: [UInt8] = []) {
            guard !text.isEmpty || !words.isEmpty else { return }
            file.append(text.bytes + words)
            text.removeAll()
            guard file.isCut, !hasToldLimit else { return }
            hasToldLimit = true
            say("this file has reached \(trace.limit.words): what comes now is not in it")
            file.appendLast(text.bytes)
            text.removeAll()
        }
    }
}
