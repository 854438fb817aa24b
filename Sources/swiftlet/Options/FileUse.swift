import LinuxSystem
import Scripting

/// What a run, or a suite's command line, does with one file.
///
/// An output is emptied when it is opened. So one that names a kernel would destroy it, and two that name one file
/// would mix in it. Two reports of one command would mix in a pipe or device too.
struct FileUse {
    /// Who uses it, as the subject of a sentence: "--trace".
    let who: String
    let path: String
    let writes: Bool
    /// The exit status where it clashes with a use before it.
    var status = ExitStatus.usage

    /// Says which of a command's reports would go where one before it goes; nil where each has a place of its own.
    static func clash(ofReports paths: [String]) -> String? {
        guard paths.count > 1 else { return nil }
        var places: Set<FilePlace> = []
        let second = paths.first { path in FilePlace(path).map { !places.insert($0).inserted } ?? false }
        return second.map { "two reports can't go to one file: \($0)" }
    }

    /// Checks that these uses can all be. Streams are there to be shared.
    static func check(_ uses: [FileUse]) throws(FileClash) {
        // A run without outputs looks nothing up.
        guard uses.contains(where: \.writes) else { return }
        // By bytes: two spellings of one letter are two names to the kernel, and one to String.
        var places: [[UInt8]: FilePlace?] = [:]
        var known: [FilePlace: FileUse] = [:]
        for use in uses {
            let place: FilePlace?
            let name = Array(use.path.utf8)
            if let found = places[name] {
                place = found
            } else {
                place = FilePlace(use.path)
                places[name] = .some(place)
            }
            guard let place, !place.isStream else { continue }
            guard let other = known[place] else {
                known[place] = use
                continue
            }
            let path = VisibleText.line(use.path)
            switch (other.writes, use.writes) {
            case (false, false): continue
            case (true, true):
                throw FileClash(
                    sentence: "\(other.who) and \(use.who) would both write to \(path): give each a file of its own",
                    status: use.status)
            case (true, false), (false, true):
                let (writer, reader) = use.writes ? (use, other) : (other, use)
                throw FileClash(
                    sentence:
                        """
                        \(writer.who) would overwrite \(path), which is an input too (\(reader.who)): give it \
                        another name
                        """,
                    status: use.status)
            }
        }
    }
}

/// Two uses of one file that can't both be.
struct FileClash: Error, CustomStringConvertible {
    let sentence: String
    /// The exit status.
    let status: Int32

    var description: String { sentence }
}

extension RunRequest {
    /// The files that the run reads and writes, by the options that name them.
    var fileUses: [FileUse] {
        var uses = [FileUse(who: firmware == nil ? "the kernel" : "--firmware", path: image, writes: false)]
        uses += initrds.map { FileUse(who: "--initrd", path: $0, writes: false) }
        uses += modules.map { FileUse(who: "--module", path: $0.path, writes: false) }
        if let symbols { uses.append(FileUse(who: "--symbols", path: symbols, writes: false)) }
        uses += reports.map { FileUse(who: "--report", path: $0.path, writes: true) }
        if let trace { uses.append(FileUse(who: "--trace", path: trace, writes: true)) }
        if let record { uses.append(FileUse(who: "--record", path: record, writes: true)) }
        if case .file(let path) = console { uses.append(FileUse(who: "--console", path: path, writes: true)) }
        return uses
    }
}

extension SuiteCase {
    /// The files that the test reads and writes.
    var fileUses: [FileUse] {
        guard case .run(let words, _) = plan else { return [] }
        let arguments = Array(words.dropFirst())
        let request = RunRequest(plain: arguments[...]) ?? (try? RunCommand.parse(arguments))?.request
        return (request?.fileUses ?? []).map {
            FileUse(
                who: "\(VisibleText.line(name)) (\($0.who))", path: $0.path, writes: $0.writes,
                status: ExitStatus.badInput)
        }
    }
}
