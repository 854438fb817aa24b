import FoundationEssentials
import Glibc
import LinuxSystem
import TestSupport

/// The built program, run as a person or script runs it.
final class SwiftletProcess {
    /// How it ended and what it said.
    struct Ended {
        let termination: ChildProcess.Termination
        let output: String
        let errors: String

        /// The exit status; -N where signal N ended it.
        var status: Int32 {
            switch termination {
            case .exited(let status): status
            case .signaled(let signal): -signal
            }
        }

        /// A suite's lines without what is never twice the same: times, and where a vCPU was.
        var suiteLines: [String] {
            output.split(separator: "\n").map { String($0).withoutTimes }.filter { !$0.hasPrefix("#   vCPU ") }
        }

        /// The last line on standard error, which always says what happened.
        var lastLine: String { errors.split(separator: "\n").last.map(String.init) ?? "" }
    }

    /// The deadline passed; the process was killed.
    struct Hung: Error, CustomStringConvertible {
        let arguments: [String]
        let errors: String
        var description: String { "swiftlet \(arguments.joined(separator: " ")) did not end; it said: \(errors)" }
    }

    static let path: String = {
        if let path = getenv("SWIFTLET_BINARY") { return String(cString: path) }
        let built = ["debug", "release"].map { "\(TestKernel.root)/.build/\($0)/swiftlet" }
        return built.first { access($0, X_OK) == 0 } ?? built[0]
    }()

    let child: ChildProcess
    private let arguments: [String]
    private let directory: TemporaryDirectory
    private var hasEnded = false

    /// Starts it.
    /// - Parameters:
    ///   - program: what to start in its stead, with its path as the last of `leading`.
    ///   - input, output, errors: descriptors; nil is /dev/null for input and a file for the others.
    init(
        _ arguments: [String], program: String = path, leading: [String] = [], input: Int32? = nil,
        output: Int32? = nil,
        errors: Int32? = nil
    ) throws {
        let directory = try TemporaryDirectory()
        let nothing = try Descriptor(opening: "/dev/null")
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        let (out, err) = ("\(directory.path)/out", "\(directory.path)/err")
        let outputFile = try Descriptor(opening: out, flags: flags)
        let errorFile = try Descriptor(opening: err, flags: flags)
        child = try ChildProcess(
            program, arguments: leading + arguments,
            environment: ["PATH=/usr/bin:/bin", "HOME=/", "SWIFT_BACKTRACE=enable=no"],
            descriptors: [input ?? nothing.raw, output ?? outputFile.raw, errors ?? errorFile.raw])
        self.arguments = arguments
        self.directory = directory
    }

    /// Runs to the end.
    static func run(_ arguments: String..., input: String? = nil, within seconds: Double = 60) throws -> Ended {
        guard let input else { return try SwiftletProcess(arguments).wait(within: seconds) }
        var keys = try Pipe()
        _ = Array(input.utf8).withUnsafeBytes { write(keys.input, $0.baseAddress, $0.count) }
        keys.closeWriting()
        return try SwiftletProcess(arguments, input: keys.reading.raw).wait(within: seconds)
    }

    var output: String { text("out") }
    var errors: String { text("err") }

    private func text(_ name: String) -> String {
        String(decoding: (try? directory.contents(name)) ?? [], as: UTF8.self)
    }

    /// Whether it has ended, without taking its status.
    private var isOver: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(child.id), &information, WEXITED | WNOHANG | WNOWAIT) != 0
            || information.si_signo == SIGCHLD
    }

    /// Waits for its end, and kills it where that takes too long.
    func wait(within seconds: Double = 60) throws -> Ended {
        let inTime = eventually(within: seconds) { isOver }
        if !inTime { child.signal(SIGKILL) }
        hasEnded = true
        let termination = try child.wait()
        guard inTime else { throw Hung(arguments: arguments, errors: errors) }
        return Ended(termination: termination, output: output, errors: errors)
    }

    deinit {
        guard !hasEnded else { return }
        child.signal(SIGKILL)
        _ = try? child.wait()
    }
}

extension String {
    /// A suite's line without the time of its boot.
    var withoutTimes: String {
        replacing(/; [0-9]+\.[0-9][0-9] s\)$/, with: ")").replacing(/[ ]\([0-9]+\.[0-9][0-9] s\)$/, with: "")
    }
}

/// The report of `--report json:`, with the keys that docs/report.md names.
struct WrittenReport: Decodable {
    let format: Int
    let kernel, outcome, message: String
    let exitStatus: Int32
    let durationSeconds: Double
    let exits: [String: UInt64]
    let registers: [String]
    let consoleTail: String
    let reboots: Int
    /// Null where the guest wrote none.
    let postCode: UInt8?
    let devices: [Device]
    let console: Console

    struct Device: Decodable {}

    struct Console: Decodable {
        struct Sighting: Decodable {
            let expression: String?
            let kind: String?
            let seconds: Double?
            let line: String?
        }

        let expectations, answers, failures: [Sighting]
        let missing: Int
    }

    init(_ bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(WrittenReport.self, from: Data(bytes))
    }
}
