import Boot
import Bytes
import KVM
import Scripting
import VMM

/// The arguments of `swiftlet run`, as a value.
struct RunRequest: Equatable {
    /// Empty if firmware boots.
    var kernel = ""
    var firmware: String?
    var memory = MemorySize(bytes: 256 << 20)
    var hugePages = false
    var cpus = 1
    var append = ""
    /// The initrds, in order.
    var initrds: [String] = []
    /// Modules with arguments; they follow the initrds.
    var modules: [BootModule] = []
    var format: KernelFormat?
    var devices: [DeviceOption] = []
    var timeout: TimeLimit?
    var onReset = ResetAction.end
    var console = ConsoleOption.stdio
    /// True to put the time before each line of the console's output.
    var consoleStamps = false
    var signalKeys = SignalKeys.host
    var debugConsole = DebugConsoleOption.none
    var reports: [ReportOption] = []
    var record: String?
    /// The path of the run's trace.
    var trace: String?
    /// The limit of each file that the guest fills; nil for the file's default.
    var fileLimit: SizeLimit?
    var cpu: CPUModel?
    var exitPort = ExitPortOption.standard
    var exitPortStyle = ExitPortStyle.plain
    var testdev = false
    var testFunctions: [TestFunctionOption] = []
    /// The kind of a disk image; nil to detect it.
    var diskKind: DiskImage.Kind?
    /// The path of the kernel's symbols; nil for the kernel's own file.
    var symbols: String?
    var postMortem = PostMortemDetail.short
    var script = ConsoleScript()
}

extension RunRequest {
    /// The file that is booted.
    var image: String { firmware ?? kernel }
    /// Its name in a report, with bytes that are not UTF-8 made visible.
    var imageName: String { image.utf8.contains(ByteText.mark) ? VisibleText.line(image) : image }

    /// All files that are passed to the kernel, in order.
    var allModules: [BootModule] { initrds.map { BootModule(path: $0) } + modules }

    private var consoleWords: String { console == .none ? "--console none" : "--console file:PATH" }

    /// A contradiction between options, as a sentence; nil if there is none.
    var contradiction: String? {
        if let excess = script.excess { return excess }
        if testdev, debugConsole == .e9 {
            return "--testdev and --debug-console e9 don't go together: both have port 0xe9"
        }
        if signalKeys == .guest, !console.isStandard {
            return "--signal-keys guest and \(consoleWords) don't go together: no key reaches the guest"
        }
        if let clash = FileUse.clash(ofReports: reports.map(\.path)) { return clash }
        guard firmware != nil else {
            return kernel.isEmpty ? "name the kernel to boot, or firmware with --firmware" : nil
        }
        let others = [
            ("a kernel", !kernel.isEmpty), ("--append", !append.isEmpty), ("--initrd", !initrds.isEmpty),
            ("--module", !modules.isEmpty),
            ("--format", format != nil), ("--disk-type", diskKind != nil),
        ]
        return others.first { $0.1 }.map {
            "\($0.0) and --firmware don't go together: firmware finds by itself what to boot"
        }
    }

    /// Parses plain, well-formed arguments, as scripts use them: a kernel and options by their full names, each with a
    /// value.
    ///
    /// The argument parser builds its description of a command by reflection, which takes longer than building and
    /// entering a virtual machine (docs/benchmarks.md). So it is used only if this returns nil: for help and for
    /// everything wrong or unusual, with its error messages. Both produce the same value by the same parsers of option
    /// values; a test compares their options.
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
                guard !hugePages else { return nil }
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
            // By bytes: a value may begin with a mark that joins the sign to one character.
            if let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) {
                name = String(word[..<equals])
                value = String(word[word.utf8.index(after: equals)...])
            } else {
                guard let next = rest.popFirst(), !next.hasPrefix("-") else { return nil }
                (name, value) = (word, next)
            }
            guard Self.lists.contains(name) || !seen.contains(name) else { return nil }
            do throws(BadValue) { try set(name, value) } catch { return nil }
            seen.append(name)
        }
        guard contradiction == nil else { return nil }
    }

    /// The options that may be repeated.
    static let lists =
        ["--append", "--device", "--initrd", "--module", "--report", "--test-function"] + ScriptOptions.repeatable

    /// The options that `init(plain:)` accepts.
    static let plainOptions =
        [
            "--memory", "--hugepages", "--cpus", "--firmware", "--append", "--initrd", "--format", "--device",
            "--timeout", "--on-reset",
            "--console", "--console-stamps", "--signal-keys", "--debug-console", "--report", "--record", "--trace",
            "--file-limit", "--cpu",
            "--exit-port-style", "--testdev", "--symbols", "--module", "--disk-type", "--exit-port", "--post-mortem",
            "--test-function",
        ] + ScriptOptions.names

    /// Joins the parts of a command line with blanks.
    static func joined(_ parts: [String]) -> String {
        parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Sets one option that has a value.
    /// - Throws: the reason why it doesn't accept this value. Options other than ``plainOptions`` accept none.
    mutating func set(_ name: String, _ value: String) throws(BadValue) {
        switch name {
        case "--memory": memory = try MemorySize(option: value)
        case "--cpus": cpus = try BadValue.count(value)
        case "--firmware": firmware = try BadValue.unlessEmpty(value)
        case "--append": append = Self.joined([append, value])
        case "--initrd": initrds.append(try BadValue.unlessEmpty(value))
        case "--module":
            guard let module = BootModule(words: value) else { throw BadValue("expected 'FILE ARGUMENTS'") }
            modules.append(module)
        case "--disk-type": diskKind = try BadValue.named(value)
        case "--format": format = try BadValue.named(value)
        case "--device": devices.append(try DeviceOption(option: value))
        case "--test-function": testFunctions.append(try TestFunctionOption(option: value))
        case "--timeout": timeout = try TimeLimit(option: value)
        case "--on-reset": onReset = try BadValue.named(value)
        case "--console": console = try ConsoleOption(option: value)
        case "--signal-keys": signalKeys = try BadValue.named(value)
        case "--debug-console": debugConsole = try BadValue.named(value)
        case "--report": reports.append(try ReportOption(option: value))
        case "--record": record = try BadValue.unlessEmpty(value)
        case "--trace": trace = try BadValue.unlessEmpty(value)
        case "--file-limit": fileLimit = try SizeLimit(option: value)
        case "--symbols": symbols = try BadValue.unlessEmpty(value)
        case "--post-mortem": postMortem = try BadValue.named(value)
        case "--cpu":
            do throws(CPUModel.ParseError) { cpu = try CPUModel(value) } catch { throw BadValue("\(error)") }
        case "--exit-port": exitPort = try ExitPortOption(option: value)
        case "--exit-port-style": exitPortStyle = try BadValue.named(value)
        default: try script.set(name, value)
        }
    }
}
