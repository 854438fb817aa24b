import Glibc
import HostSystem
import LinuxSystem

/// Finds the files of this machine that a command needs, for a lab that can't share them.
///
/// These are: the command's program, every regular file that a word of its arguments names, the requested files,
/// busybox in place of all other programs, and the interpreter and shared libraries of each program. Files that a
/// program opens at run time aren't known.
struct CommandFiles: Sendable {
    private let configuration: LabConfiguration
    private let programs: HostPrograms
    private(set) var tree = PackedTree()
    /// Programs whose dependencies were already added.
    private var seen: Set<String> = []

    /// - Throws: `LabError.usage` if a requested file or the command does not exist.
    init(of configuration: LabConfiguration, busybox: [UInt8], applets: [String]) throws(LabError) {
        self.configuration = configuration
        let path = configuration.environment.last { $0.hasPrefix("PATH=") }?.dropFirst("PATH=".count)
        programs = HostPrograms(path: path.map(String.init))
        let directory: String
        do throws(SystemCallError) {
            directory = try tree.add(configuration.currentDirectory)
            for name in ["/bin", "/tmp"] { try tree.add(name) }
            for cache in ["/etc/ld.so.cache"] where HostFile.status(cache) != nil { try tree.add(cache) }
            for home in configuration.environment
            where home.hasPrefix("HOME=/") && HostFile.status(String(home.dropFirst(5))) != nil {
                try tree.add(String(home.dropFirst(5)))
            }
        } catch {
            throw .system(error)
        }
        guard !PackedTree.ownMounts.contains(directory) else {
            throw .usage("the current directory lies in \(directory), of which the lab has its own: change to another")
        }
        if let anchor = configuration.anchor?.first { try addProgram(anchor) }
        for file in configuration.files { try addRequested(file) }
        try addCommand(applets)
        for argument in configuration.command.dropFirst() { try addNamed(in: argument) }
        try addBusybox(busybox, applets)
    }

    private mutating func addRequested(_ file: String) throws(LabError) {
        let path = try configuration.existing(file)
        let resolved: String
        do throws(SystemCallError) { resolved = try tree.add(path) } catch { throw .system(error) }
        guard !PackedTree.ownMounts.contains(resolved) else {
            throw .usage("--file \(file) can't be packed: the lab has a \(resolved) of its own")
        }
        do throws(SystemCallError) {
            let files = HostFile.status(resolved)?.isDirectory == true ? try tree.addContents(of: resolved) : [resolved]
            for found in files { try addNeeds(of: found) }
        } catch {
            throw .system(error)
        }
    }

    /// Adds the first word, found as the shell finds it.
    private mutating func addCommand(_ applets: [String]) throws(LabError) {
        guard let name = configuration.command.first else { return }
        if name.contains("/") {
            try addProgram(absolute(name))
        } else if let found = programs.find(name) {
            try addProgram(absolute(found))
        } else if name != Self.ownName && !applets.contains(name) {
            throw .usage("\(name) is not found in PATH, so it can't be packed")
        }
    }

    /// Adds the regular files that an argument names, as a whole or by a word in it, as in a script given to a shell.
    private mutating func addNamed(in argument: String) throws(LabError) {
        let words = argument.split { $0.isWhitespace || "\"'`;|&<>(){}=,$".contains($0) }.map(String.init)
        for word in Set([argument] + words) {
            let path = absolute(word)
            let isOwn = PackedTree.ownMounts.contains { path == $0 || path.hasPrefix("\($0)/") }
            if !isOwn, HostFile.status(path)?.isRegular == true, HostFile.isReadable(path) { try addProgram(path) }
        }
    }

    private mutating func addProgram(_ path: String) throws(LabError) {
        guard HostFile.status(path) != nil else { throw .usage("\(path) is not there, so it can't be packed") }
        do throws(SystemCallError) { try addNeeds(of: try tree.add(path)) } catch { throw .system(error) }
    }

    /// Adds the files that a program needs to start. Missing ones are left out: the program will report them if it is
    /// run at all.
    private mutating func addNeeds(of path: String) throws(SystemCallError) {
        guard seen.insert(path).inserted, let status = HostFile.status(path), status.isRegular,
            HostFile.isReadable(path)
        else { return }
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        let start = try HostFile.bytes(of: file, at: 0, count: min(status.size, 1 << 16))
        if let interpreter = ELFProbe.interpreter(start) {
            guard HostFile.status(interpreter)?.isRegular == true else { return }
            try tree.add(interpreter)
            for library in try SharedLibraries.of(
                path, interpreter: interpreter, environment: configuration.environment)
            {
                try tree.add(library)
            }
        } else if start.starts(with: "#!".utf8) {
            let line = String(
                decoding: start.dropFirst(2).prefix(256).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            let words = line.split(separator: " ").map(String.init)
            guard let interpreter = words.first, HostFile.status(interpreter) != nil else { return }
            try addNeeds(of: try tree.add(interpreter))
            if interpreter.hasSuffix("/env"), words.count == 2, let program = programs.find(words[1]) {
                try addNeeds(of: try tree.add(absolute(program)))
            }
        }
    }

    /// Adds busybox under the name of each applet that isn't packed as a program, and this program under its own name.
    private mutating func addBusybox(_ busybox: [UInt8], _ applets: [String]) throws(LabError) {
        let place: String
        do throws(SystemCallError) { place = try tree.add("/bin") } catch { throw .system(error) }
        tree.addIfAbsent("\(place)/busybox", .contents(busybox, permissions: 0o755))
        for applet in applets { tree.addIfAbsent("\(place)/\(applet)", .link(target: "busybox")) }
        if let own = configuration.anchor?.first { tree.addIfAbsent("\(place)/\(Self.ownName)", .link(target: own)) }
    }

    private func absolute(_ path: String) -> String { configuration.absolute(path) }

    private static let ownName = "swiftlet"
}

extension LabConfiguration {
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(currentDirectory)/\(path)" }

    /// Returns the absolute path of a requested file.
    /// - Throws: `LabError.usage` if it does not exist.
    func existing(_ file: String) throws(LabError) -> String {
        let path = absolute(file)
        guard HostFile.status(path) != nil else { throw .usage("--file \(file): there is no such file or directory") }
        return path
    }
}
