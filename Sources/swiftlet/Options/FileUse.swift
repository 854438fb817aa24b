import LinuxSystem
import Scripting

/// A use of a file by a run or a suite's command line.
///
/// An output is emptied when it is opened. So an output that names a kernel would destroy it, and two that name one
/// file would mix in it. Two reports of one command would mix in a pipe or device too.
struct FileUse {
    /// The user, as the subject of a sentence: "--trace".
    let who: String
    let path: String
    let writes: Bool
    /// The exit status if it conflicts with an earlier use.
    var status = ExitStatus.usage

    /// Returns the report of a command that would go to the same place as an earlier one; nil if each has its own.
    static func clash(ofReports paths: [String]) -> String? {
        guard paths.count > 1 else { return nil }
        var places: Set<FilePlace> = []
        let second = paths.first { path in FilePlace(path).map { !places.insert($0).inserted } ?? false }
        return second.map { "two reports can't go to one file: \($0)" }
    }

    /// Checks that these uses do not conflict. Streams may be shared.
    static func check(_ uses: [FileUse]) throws(FileClash) {
        // A run without outputs needs no lookup.
        guard uses.contains(where: \.writes) else { return }
        // By bytes: the kernel distinguishes two encodings of one letter, String does not.
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

/// Two conflicting uses of one file.
struct FileClash: Error, CustomStringConvertible {
    let sentence: String
    /// The exit status.
    let status: Int32

    var description: String { sentence }
}

extension RunRequest {
    /// The files that the run reads and writes, with the options that name them.
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
