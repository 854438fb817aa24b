import Boot
import KVM
import Scripting
import VMM

/// What `swiftlet run` was asked for, as a value.
struct RunRequest: Equatable {
    /// Empty where firmware boots.
    var kernel = ""
    var firmware: String?
    var memory = MemorySize(bytes: 256 << 20)
    var hugePages = false
    var cpus = 1
    var append = ""
    /// The files handed to the kernel, in order.
    var initrds: [String] = []
    var format: KernelFormat?
    var devices: [DeviceOption] = []
    var timeout: TimeLimit?
    var onReset = ResetAction.end
    var console = ConsoleOption.stdio
    /// Whether each line of the console's output has its time before it.
    var consoleStamps = false
    var debugConsole = DebugConsoleOption.none
    var reports: [ReportOption] = []
    var record: String?
    /// Where the run's timeline goes.
    var trace: String?
    var cpu: CPUModel?
    var exitPortStyle = ExitPortStyle.plain
    var testdev = false
    /// Where the kernel's names are found; nil: in the kernel's own file.
    var symbols: String?
    var script = ConsoleScript()
}

extension RunRequest {
    /// The file that is booted.
    var image: String { firmware ?? kernel }

    /// What can't be asked for together, as a sentence; nil for what can.
    var contradiction: String? {
        if let excess = script.excess { return excess }
        for (index, report) in reports.enumerated() where reports[..<index].contains(where: { $0.path == report.path }) {
            return "two reports can't go to one file: \(report.path)"
        }
        guard firmware != nil else { return kernel.isEmpty ? "name the kernel to boot, or firmware with --firmware" : nil }
        let others = [("a kernel", !kernel.isEmpty), ("--append", !append.isEmpty), ("--initrd", !initrds.isEmpty), ("--format", format != nil)]
        return others.first { $0.1 }.map { "\($0.0) and --firmware don't go together: firmware finds by itself what to boot" }
    }

    /// Reads plain, well-formed arguments, as scripts give them: a kernel and options by their full names, each with a value.
    ///
    /// The argument parser builds its picture of a command by reflection, which takes longer than building and entering a virtual machine
    /// (docs/benchmarks.md). So it is asked only where this answers nil: for help, for everything wrong or unusual, and for its words
    /// about it. Both end in the same value, by the same readers of option values; a test holds their options against each other.
    init?(plain arguments: ArraySlice<String>) {
        var rest = arguments
        var seen: [String] = []
        var hasKernel = false
        while let word = rest.popFirst() {
            guard word.hasPrefix("-") else {
                guard !hasKernel, !word.isEmpty else { return nil }
                kernel = word
                hasKernel = true
                continue
            }
            if word == "--hugepages" {
                hugePages = true
                continue
            }
            if word == "--console-stamps" {
                guard !consoleStamps else { return nil }
                consoleStamps = true
                continue
            }
            if word == "--testdev" {
                guard !testdev else { return nil }
                testdev = true
                continue
            }
            let value: String
            let name: String
            if let equals = word.firstIndex(of: "=") {
                name = String(word[..<equals])
                value = String(word[word.index(after: equals)...])
            } else {
                guard let next = rest.popFirst(), !next.hasPrefix("-") else { return nil }
                (name, value) = (word, next)
            }
            guard Self.lists.contains(name) || !seen.contains(name), set(name, value) else { return nil }
            seen.append(name)
        }
        guard contradiction == nil else { return nil }
    }

    /// The options that may be given several times.
    static let lists = ["--append", "--device", "--initrd", "--report"] + ScriptOptions.repeatable

    /// The options that `init(plain:)` knows.
    static let plainOptions =
        [
            "--memory", "--hugepages", "--cpus", "--firmware", "--append", "--initrd", "--format", "--device", "--timeout", "--on-reset",
            "--console", "--console-stamps", "--debug-console", "--report", "--record", "--trace", "--cpu", "--exit-port-style", "--testdev", "--symbols",
        ] + ScriptOptions.names

    /// A command line given in parts: a blank between two.
    static func joined(_ parts: [String]) -> String {
        parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private mutating func set(_ name: String, _ value: String) -> Bool {
        func take<Value>(_ place: inout Value, _ value: Value?) -> Bool {
            guard let value else { return false }
            place = value
            return true
        }
        // For places that may be empty: without it their nil would count as a value.
        func take<Value>(_ place: inout Value?, _ value: Value?) -> Bool {
            place = value
            return value != nil
        }
        switch name {
        case "--memory": return take(&memory, MemorySize(argument: value))
        case "--cpus": return take(&cpus, Int(value))
        case "--firmware": return take(&firmware, value.isEmpty ? nil : value)
        case "--append":
            append = Self.joined([append, value])
            return true
        case "--initrd":
            initrds.append(value)
            return true
        case "--format": return take(&format, KernelFormat(rawValue: value))
        case "--device":
            guard let device = DeviceOption(argument: value) else { return false }
            devices.append(device)
            return true
        case "--timeout": return take(&timeout, TimeLimit(argument: value))
        case "--on-reset": return take(&onReset, ResetAction(rawValue: value))
        case "--console": return take(&console, ConsoleOption(argument: value))
        case "--debug-console": return take(&debugConsole, DebugConsoleOption(rawValue: value))
        case "--report":
            guard let report = ReportOption(argument: value) else { return false }
            reports.append(report)
            return true
        case "--record": return take(&record, value.isEmpty ? nil : value)
        case "--trace": return take(&trace, value.isEmpty ? nil : value)
        case "--symbols": return take(&symbols, value.isEmpty ? nil : value)
        case "--cpu": return take(&cpu, try? CPUModel(value))
        case "--exit-port-style": return take(&exitPortStyle, ExitPortStyle(rawValue: value))
        default: return script.set(name, value)
        }
    }
}
