import Assignment
import FoundationEssentials
import Glibc
import KVM
import LinuxSystem
import PCI
import Scripting
import SystemPackage
import VMM

/// The machine-readable report of a run; docs/report.md describes every key.
struct RunReport: Encodable {
    struct Counts: Encodable {
        let delivered, blocked, failed, held: UInt64

        init(_ counts: InterruptCounts) {
            (delivered, blocked, failed, held) = (counts.delivered, counts.blocked, counts.failed, counts.held)
        }
    }

    struct Message: Encodable {
        let kind: String
        let vector: Int
        /// Null if the kernel delivered by irqfd, which can't be counted.
        let counts: Counts?

        init(_ message: (vector: Int, kind: MessageKind, counts: InterruptCounts?)) {
            (kind, vector, counts) = (message.kind.rawValue, message.vector, message.counts.map(Counts.init))
        }

        private enum Key: CodingKey { case kind, vector, counts }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(kind, forKey: .kind)
            try container.encode(vector, forKey: .vector)
            try container.encode(counts, forKey: .counts)
        }
    }

    /// The guest's requests to a device that the host refused.
    struct Refused: Encodable {
        let call: String
        let reason: String
        let count: UInt64
    }

    struct Device: Encodable {
        let address: String
        let backend: String
        let delivery: String
        let slot: Int
        /// Null if the function has no INTx line.
        let intx: Counts?
        let messages: [Message]
        let refused: [Refused]

        init(
            address: String, backend: String, delivery: String, slot: Int, interrupts: InterruptReport,
            refused: [Refused] = []
        ) {
            (self.address, self.backend, self.delivery, self.slot) = (address, backend, delivery, slot)
            intx = interrupts.intx.map(Counts.init)
            messages = interrupts.messages.map(Message.init)
            self.refused = refused
        }

        private enum Key: CodingKey { case address, backend, delivery, slot, intx, messages, refused }

        // Spelled out, since a key that is sometimes missing is harder to read than a null one.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(address, forKey: .address)
            try container.encode(backend, forKey: .backend)
            try container.encode(delivery, forKey: .delivery)
            try container.encode(slot, forKey: .slot)
            try container.encode(intx, forKey: .intx)
            try container.encode(messages, forKey: .messages)
            try container.encode(refused, forKey: .refused)
        }
    }

    /// The completeness of a file.
    struct Trace: Encodable {
        /// Events dropped because they came too fast.
        let dropped: UInt64
        /// Events dropped because of the file's limit.
        let missing: Int
    }

    struct Recording: Encodable {
        /// Calls dropped because of the file's limit.
        let missing: Int
    }

    /// An optional object, null if absent.
    struct Optional<Value: Encodable>: Encodable {
        var value: Value?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let value { try container.encode(value) } else { try container.encodeNil() }
        }
    }

    /// An optional number, null if absent.
    struct PostCode: Encodable {
        let value: UInt8?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let value { try container.encode(value) } else { try container.encodeNil() }
        }
    }

    /// An optional post-mortem, null if absent.
    struct Examination: Encodable {
        let report: PostMortemReport?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let report { try container.encode(report) } else { try container.encodeNil() }
        }
    }

    /// The keys of the report.
    private enum CodingKeys: CodingKey {
        case format, kernel, outcome, exitStatus, message, durationSeconds, reboots, postCode, exits, registers,
            consoleTail, devices, console
        case trace, recording, postMortem
    }

    let format = 1
    let kernel: String
    let outcome: String
    let exitStatus: Int32
    let message: String
    let durationSeconds: Double
    let reboots: Int
    let postCode: PostCode
    /// Exits by kind; kinds without exits are left out.
    let exits: [String: UInt64]
    /// The failed vCPU's registers after an internal error, else empty.
    let registers: [String]
    let consoleTail: String
    let devices: [Device]
    let console: ConsoleReport
    /// Null if there was no examination.
    let postMortem: Examination
    /// Null if no trace was requested.
    var trace = Optional<Trace>(value: nil)
    var recording = Optional<Recording>(value: nil)
    /// The lines for people.
    private let account: [String]

    /// The report of a run that never started.
    init(kernel: String, end: EarlyEnd) {
        self.kernel = kernel
        outcome = end.outcome
        exitStatus = end.status
        message = end.sentence
        durationSeconds = 0
        (reboots, postCode) = (0, PostCode(value: nil))
        (exits, registers, consoleTail, devices) = ([:], [], "", [])
        console = ConsoleReport()
        postMortem = Examination(report: nil)
        account = []
    }

    init(kernel: String, verdict: Verdict, run: RebootLoop.Account, console: ConsoleReport, detail: PostMortemDetail) {
        let result = run.result
        self.kernel = kernel
        outcome = verdict.outcome
        exitStatus = verdict.status
        message = verdict.sentence
        durationSeconds = result.duration
        reboots = run.reboots
        postCode = PostCode(value: result.postCode)
        exits = Dictionary(
            uniqueKeysWithValues: VCPUExit.Kind.allCases.filter { result.exits[$0] > 0 }.map {
                ($0.name, result.exits[$0])
            })
        if case .internalError(_, _, let lines) = result.outcome { registers = lines } else { registers = [] }
        consoleTail = result.consoleTail
        devices = run.devices
        self.console = console
        postMortem = Examination(report: result.postMortem.map(PostMortemReport.init))
        account = detail.lines(of: result.postMortem)
    }
}

extension RunReport {
    /// The run as the only test of a suite.
    var record: TestRecord {
        // An unknown ending is the guest's, passed or failed.
        let isOfGuest = RunResult.Ending(rawValue: outcome)?.isOfGuest ?? true
        return outcome == "passed"
            ? TestRecord(name: kernel, outcome: .passed, seconds: durationSeconds)
            : TestRecord(
                name: kernel, outcome: isOfGuest ? .failed(message) : .error(message), seconds: durationSeconds,
                details: registers, console: consoleTail,
                postMortem: account)
    }
}

/// The report's file can't be created or written.
struct ReportError: OutputFailure, CustomStringConvertible {
    let description: String
    var errno: Errno?
}

/// The console's file can't be created.
struct ConsoleError: OutputFailure, CustomStringConvertible {
    let description: String
    var errno: Errno?
}

/// The reports of a run, each in a file of its own.
final class ReportFiles {
    private var files: [ReportFile] = []
    /// True once the report was written, even if to only some of the files.
    private(set) var areWritten = false

    func open(_ option: ReportOption) throws(ReportError) {
        files.append(try ReportFile(option))
    }

    /// Writes them all.
    /// - Throws: the first error; the other files are still written.
    func write(_ report: RunReport) throws(ReportError) {
        areWritten = true
        var failure: ReportError?
        for file in files {
            do throws(ReportError) { try file.write(report) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }
}

/// A report file: opened before the run, so that a path that can't be written costs no boot.
final class ReportFile {
    private let file: OutputFile
    private let path: String
    private let format: ReportOption.Format

    init(_ option: ReportOption) throws(ReportError) {
        path = option.path
        format = option.format
        do throws(OutputFileError) {
            file = try OutputFile(path)
        } catch {
            throw ReportError(description: "the report can't be written to \(path): \(error)", errno: error.errno)
        }
    }

    func write(_ report: RunReport) throws(ReportError) {
        do {
            let bytes =
                switch format {
                case .json: try Self.json(report)
                case .junit: SuiteReport.whole(.junit, name: "swiftlet run", [report.record])
                case .tap: SuiteReport.whole(.tap, name: "swiftlet run", [report.record])
                }
            try bytes.withUnsafeBytes { try append($0) }
        } catch {
            throw ReportError(
                description:
                    """
                    the report can't be written to \(path): \
                    \((error as? SystemCallError)?.errno.description ?? "\(error)")
                    """
            )
        }
    }

    private static func json(_ report: RunReport) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return ReportText.plainJSON(Array(try encoder.encode(report))) + [10]
    }

    /// By write(2), not at an offset: the path may name a pipe.
    private func append(_ bytes: UnsafeRawBufferPointer) throws(SystemCallError) {
        if let error = OutputStream.write(bytes, to: file.descriptor.raw, path)
            ?? OutputStream.closeError(of: file.descriptor.raw)
        {
            throw error
        }
    }
}
