import Bytes
import Glibc
import KVM
import LinuxSystem
import Scripting

/// A suite of boots from a TOML file, as cases.
struct BootSuite {
    /// The reason why the file is no suite, or lacks a requested boot.
    enum FileError: Error, CustomStringConvertible {
        case unreadable(String, SystemCallError)
        /// A line for each mistake.
        case malformed(String, [SuiteFile.Mistake])
        case noSuchBoot(String, file: String, boots: [String])

        var description: String {
            switch self {
            case .unreadable(let path, let cause): "\(path) can't be read: \(cause.errno)"
            case .malformed(let path, let mistakes):
                (mistakes.map { "\(path):\($0)" } + [
                    "nothing was run: \(mistakes.count) \(mistakes.count == 1 ? "mistake" : "mistakes") in \(path)"
                ])
                .map(ReportText.line).joined(separator: "\n")
            case .noSuchBoot(let name, let file, let boots):
                "\(file) has no boot '\(name)'\(NearNames.sentence(name, among: boots))"
            }
        }
    }

    let path: String
    let name: String
    private let boots: [SuiteFile.Boot]

    init(_ path: String) throws(FileError) {
        self.path = path
        let text: String
        do throws(SystemCallError) { text = try TextFile.read(path) } catch { throw .unreadable(path, error) }
        let file: SuiteFile
        do throws(SuiteFile.Malformed) {
            file = try SuiteFile(
                text, directory: Self.directory(of: path), checks: .init(option: Self.mistake, file: Self.unreadable))
        } catch {
            throw .malformed(path, error.mistakes)
        }
        // Conflicts between options, which only the whole command line shows.
        var mistakes: [SuiteFile.Mistake] = []
        for boot in file.boots where mistakes.count < 20 && mistakes.last?.line != boot.line {
            guard RunRequest(plain: boot.arguments.dropFirst()) == nil else { continue }
            var reason = "these options don't go together"
            do { _ = try RunCommand.parse(Array(boot.arguments.dropFirst())) } catch {
                reason = RunCommand.message(for: error)
            }
            mistakes.append(.init(line: boot.line, key: "boot", reason: "\(boot.name): \(reason)"))
        }
        guard mistakes.isEmpty else { throw .malformed(path, mistakes) }
        boots = file.boots
        let last = path.split(separator: "/").last.map(String.init) ?? path
        name = file.name ?? (last.hasSuffix(".toml") ? String(last.dropLast(5)) : last)
    }

    /// Returns the selected boots, in the file's order.
    /// - Parameters:
    ///   - names: of boots, or of combinations of a boot's matrix; empty for all.
    ///   - timeout: replaces each boot's own, in seconds.
    func cases(names: [String], timeout: Double?) throws(FileError) -> [SuiteCase] {
        for name in names where !boots.contains(where: { $0.name == name || $0.group == name }) {
            throw .noSuchBoot(name, file: path, boots: boots.map(\.name))
        }
        let chosen = boots.filter { names.isEmpty || names.contains($0.name) || names.contains($0.group) }
        return chosen.map { boot in
            let limit = timeout ?? TimeLimit(argument: boot.timeout)?.seconds
            let own = limit.map { $0 == $0.rounded() ? "\(Int($0))s" : "\($0)s" }
            let words =
                timeout == nil ? boot.arguments : boot.arguments.dropLast() + (own.map { ["--timeout=\($0)"] } ?? [])
            let plan = boot.skip.map { SuiteCase.Plan.skip($0) } ?? .run(words, timeout: limit)
            let devices = boot.devices.compactMap { DeviceOption(argument: $0).map { "\($0.address)" } }
            return SuiteCase(
                name: boot.name, plan: plan, fileName: boot.fileName,
                outputs: boot.outputs.map { .init(path: $0.path, what: $0.key) }, devices: devices,
                retries: boot.retries, passingStatuses: boot.statuses)
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Returns the reason why an option doesn't accept a value; empty if the key's own error is sufficient.
    private static func mistake(_ option: String, _ value: String) -> String? {
        if option == "--cpu" {
            do throws(CPUModel.ParseError) { _ = try CPUModel(value) } catch { return "\(error)" }
        }
        if RunRequest(plain: ["kernel", "\(option)=\(value)"]) != nil
            || RunRequest(plain: ["\(option)=\(value)"]) != nil
        {
            return nil
        }
        switch option {
        case "--exit-port":
            do throws(BadValue) { _ = try ExitPortOption(option: value) } catch { return "\(value): \(error)" }
            return nil
        case "--format", "--exit-port-style":
            do { _ = try RunCommand.parse(["kernel", "\(option)=\(value)"]) } catch {
                return RunCommand.message(for: error)
            }
            return nil
        default: return ""
        }
    }

    private static func unreadable(_ path: String) -> String? {
        var status = stat()
        let isReadable = ByteText.withCString(path) { stat($0, &status) == 0 && access($0, R_OK) == 0 }
        guard isReadable else { return "\(SystemCallError.last("open", path).errno)" }
        return status.st_mode & S_IFMT == S_IFDIR ? "expected a file, found a directory" : nil
    }
}
