import LinuxSystem
import VMM

/// A file of a run that has reached its limit, and the amount missing.
struct CutFile: Equatable {
    /// The name in a sentence: `the console's file out.log`.
    let name: String
    let limit: FileLimit
    let missing: Int
    /// The counted unit in the singular: `byte`.
    let unit: String

    var sentence: String {
        "\(name) has reached \(limit.words): \(missing) \(missing == 1 ? "\(unit) is" : "\(unit)s are") missing in it"
    }
}

/// The size limits of files that a run's guest fills.
struct OutputLimits {
    static let option = "--file-limit"

    /// nil if the console doesn't go to a file of the run or its suite.
    let console: ConsoleLimit?
    private let consoleName: String

    /// - Parameter consoleOutput: the console's descriptor.
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

    /// The console's file, if its limit cut it.
    var cutConsole: CutFile? {
        guard let console, case let missing = console.missing, missing > 0 else { return nil }
        return CutFile(name: consoleName, limit: console.limit, missing: missing, unit: "byte")
    }
}

extension CallRecorder {
    /// The recording, if its limit cut it.
    var cut: CutFile? {
        missing > 0 ? CutFile(name: "the recording \(path)", limit: limit, missing: missing, unit: "call") : nil
    }
}
