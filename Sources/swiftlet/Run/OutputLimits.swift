import LinuxSystem
import VMM

/// What is missing in a file of a run that has reached its limit.
struct CutFile: Equatable {
    /// As a sentence names it: `the console's file out.log`.
    let name: String
    let limit: FileLimit
    let missing: Int
    /// What is counted, one of it: `byte`.
    let unit: String

    var sentence: String {
        "\(name) has reached \(limit.words): \(missing) \(missing == 1 ? "\(unit) is" : "\(unit)s are") missing in it"
    }
}

/// How large the files may become that a run's guest fills.
struct OutputLimits {
    static let option = "--file-limit"

    /// nil where the console goes to no file of the run's or its suite's.
    let console: ConsoleLimit?
    private let consoleName: String

    /// - Parameter consoleOutput: where the console goes.
    init(_ request: RunRequest, consoleOutput: Int32?) {
        var limit: FileLimit?
        var name = ""
        if case .file(let path) = request.console {
            limit = Self.limit(request.fileLimit, or: .console)
            name = "the console's file \(path)"
        } else if request.console.isStandard, let log = LogLimit.offered {
            limit =
                request.fileLimit.map { FileLimit($0.bytes, option: Self.option) }
                ?? FileLimit(log.bytes, option: LogLimit.option)
            name = "its console's log"
        }
        console = consoleOutput.flatMap { output in FileLimit.holds(for: output) ? limit.map { ConsoleLimit($0) } : nil
        }
        consoleName = name
    }

    static func limit(_ asked: SizeLimit?, or usual: SizeLimit) -> FileLimit {
        FileLimit((asked ?? usual).bytes, option: option)
    }

    /// The console's file, if its limit has cut it.
    var cutConsole: CutFile? {
        guard let console, case let missing = console.missing, missing > 0 else { return nil }
        return CutFile(name: consoleName, limit: console.limit, missing: missing, unit: "byte")
    }
}

extension CallRecorder {
    /// The recording, if its limit has cut it.
    var cut: CutFile? {
        missing > 0 ? CutFile(name: "the recording \(path)", limit: limit, missing: missing, unit: "call") : nil
    }
}
