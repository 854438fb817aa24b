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

    /// Parses plain, well-formed arguments, as scripts use them: a kernel and options by their full names, each with
    /// its value, as ``RunOption`` has them.
    ///
    /// The argument parser builds its description of a command by reflection, which takes longer than building and
    /// entering a virtual machine (docs/benchmarks.md). So it is used only if this returns nil: for help and for
    /// everything wrong or unusual, with its error messages. Both produce the same value by the same parsers of option
    /// values; a test compares their options.
    init?(plain arguments: ArraySlice<String>) {
        var rest = arguments
        var seen: [RunOption] = []
        var hasKernel = false
        while let word = rest.popFirst() {
            guard word.hasPrefix("-") else {
                guard !hasKernel, !word.isEmpty else { return nil }
                kernel = word
                hasKernel = true
                continue
            }
            // By bytes: a value may begin with a mark that joins the sign to one character.
            let equals = word.utf8.firstIndex(of: UInt8(ascii: "="))
            guard let option = RunOption(rawValue: equals.map { String(word[..<$0]) } ?? word) else { return nil }
            let entry = option.entry
            guard entry.count == .several || !seen.contains(option) else { return nil }
            var value = ""
            if let equals {
                guard entry.count != .none else { return nil }
                value = String(word[word.utf8.index(after: equals)...])
            } else if entry.count != .none {
                guard let next = rest.popFirst(), !next.hasPrefix("-") else { return nil }
                value = next
            }
            do throws(BadValue) { try entry.set(&self, value) } catch { return nil }
            seen.append(option)
        }
        guard contradiction == nil else { return nil }
    }

    /// Joins the parts of a command line with blanks.
    static func joined(_ parts: [String]) -> String {
        parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Sets one option that has a value.
    /// - Throws: the reason why it doesn't accept this value, or that there is no such option.
    mutating func set(_ name: String, _ value: String) throws(BadValue) {
        guard let entry = RunOption(rawValue: name)?.entry, entry.count != .none else {
            throw BadValue("there is no such option")
        }
        try entry.set(&self, value)
    }
}
