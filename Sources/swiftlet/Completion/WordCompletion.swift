import ArgumentParser
import Glibc
import HostDevices

/// Completions of a word that is neither a file nor one of a short list: the words that a shell offers.
enum WordCompletion {
    /// A word, and its description for shells that show one.
    struct Word: Equatable {
        let text: String
        var note = ""
    }

    /// PCI functions of this host that can be passed to a guest, by address, and the keys after an address.
    static let device = CompletionKind.custom { _, _, prefix in
        offered(prefix.contains(",") ? deviceWords(prefix) : functions())
    }

    /// PCI functions of this host by their addresses.
    static let function = CompletionKind.custom { _, _, _ in offered(functions()) }

    /// `--console stdio|quoted|none|file:PATH`.
    static let console = CompletionKind.custom { _, _, prefix in
        offered(words(["stdio", "quoted", "none"], schemes: ["file"], prefix))
    }

    /// `FORMAT:PATH`, with a command's formats.
    static func report(_ formats: [String]) -> CompletionKind {
        .custom { _, _, prefix in offered(words([], schemes: formats, prefix)) }
    }

    /// Names of the suite that precedes it on the line.
    static let boot = CompletionKind.custom { line, _, _ in
        guard let path = line.last(where: { $0.hasSuffix(".toml") }), let suite = try? BootSuite(path),
            let cases = try? suite.cases(names: [], timeout: nil)
        else { return [] }
        return offered(cases.map { Word(text: $0.name) })
    }

    /// Returns plain words, and files after `SCHEME:`.
    static func words(_ plain: [String], schemes: [String], _ prefix: String) -> [Word] {
        guard let scheme = schemes.first(where: { prefix.hasPrefix("\($0):") }) else {
            return (plain + schemes.map { "\($0):" }).map { Word(text: $0) }
        }
        return files(String(prefix.dropFirst(scheme.count + 1))).map { Word(text: "\(scheme):\($0)") }
    }

    /// Returns completions after an address: `BDF,msi=irqfd,...`. Each key once.
    static func deviceWords(_ prefix: String) -> [Word] {
        let whole = prefix.split(separator: ",", omittingEmptySubsequences: false).dropLast()
        let taken = whole.dropFirst().compactMap { $0.split(separator: "=").first }
        let choices = [
            ("backend", AssignmentInterface.allCases.map(\.rawValue)), ("msi", ["signal", "irqfd"]),
            ("rom", ["on", "off"]), ("slot", [""]),
        ]
        return choices.filter { choice in !taken.contains { $0 == choice.0 } }.flatMap { key, values in
            values.map { Word(text: (whole + ["\(key)=\($0)"]).joined(separator: ",")) }
        }
    }

    private static func functions() -> [Word] {
        ((try? HostPCI().functions(named: true)) ?? []).filter { !$0.isBridge }.map {
            Word(text: "\($0.address)", note: $0.name)
        }
    }

    /// Returns files whose paths begin with the prefix, directories with a slash.
    private static func files(_ prefix: String) -> [String] {
        let end = prefix.lastIndex(of: "/").map(prefix.index(after:)) ?? prefix.startIndex
        let (directory, name) = (String(prefix[..<end]), prefix[end...])
        guard let listing = opendir(directory.isEmpty ? "." : directory) else { return [] }
        defer { closedir(listing) }
        var found: [String] = []
        while let entry = readdir(listing) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            // A shell treats a line as a word.
            guard file.hasPrefix(name), name.hasPrefix(".") || !file.hasPrefix("."), file != ".", file != "..",
                !file.contains("\n")
            else { continue }
            var status = stat()
            let isDirectory = stat("\(directory)\(file)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            found.append("\(directory)\(file)\(isDirectory ? "/" : "")")
        }
        return found.sorted()
    }

    /// Returns the words in the form of the shell that asks: zsh expects a description after a colon, fish after a
    /// tabulator, bash none.
    private static func offered(_ words: [Word]) -> [String] {
        words.map { offered($0, to: CompletionShell.requesting) }
    }

    static func offered(_ word: Word, to shell: CompletionShell?) -> String {
        switch shell {
        case .zsh?:
            let text = word.text.split(separator: ":", omittingEmptySubsequences: false).joined(separator: "\\:")
            return word.note.isEmpty ? text : "\(text):\(word.note)"
        case .fish?: return word.note.isEmpty ? word.text : "\(word.text)\t\(word.note)"
        default: return word.text
        }
    }
}
