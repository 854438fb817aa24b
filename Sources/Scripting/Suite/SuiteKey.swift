/// A key of a boot in a suite file, and its option of `swiftlet run`.
public enum SuiteKey: String, CaseIterable, Sendable {
    case kernel, firmware, initrd, modules, append, memory, hugepages, cpus, cpu, format, devices, testdev, timeout
    case consoleStamps = "console-stamps"
    case onReset = "on-reset"
    case diskType = "disk-type"
    case exitPort = "exit-port"
    case exitPortStyle = "exit-port-style"
    case postMortem = "post-mortem"
    case debugConsole = "debug-console"
    case expect
    case failOn = "fail-on"
    case fileLimit = "file-limit"
    case testFunctions = "test-functions"
    case send, until, symbols, report, trace, status, retries, skip

    /// The forms of values.
    public enum Form: Sendable {
        case text, path, texts, number, truth, numbers
        /// A string or a number.
        case word
        /// One or several paths.
        case paths
        /// One or several paths, each followed by arguments.
        case commands

        /// True if its value may also be an array.
        public var takesSeveral: Bool {
            switch self {
            case .texts, .numbers, .paths, .commands: true
            case .text, .path, .number, .truth, .word: false
            }
        }
    }

    /// The form of its value.
    public var form: Form {
        switch self {
        case .kernel, .firmware, .symbols: .path
        case .initrd: .paths
        case .modules: .commands
        case .diskType, .trace, .append, .memory, .cpu, .format, .timeout, .onReset, .exitPortStyle, .debugConsole,
            .postMortem, .until, .skip, .fileLimit:
            .text
        case .exitPort: .word
        case .devices, .testFunctions, .expect, .failOn, .send, .report: .texts
        case .cpus, .retries: .number
        case .hugepages, .testdev, .consoleStamps: .truth
        case .status: .numbers
        }
    }

    /// The option; nil for the kernel, which is an argument, and for keys that the suite itself handles.
    public var option: String? {
        switch self {
        case .kernel, .status, .retries, .skip: nil
        case .devices: "--device"
        case .modules: "--module"
        case .testFunctions: "--test-function"
        default: "--\(rawValue)"
        }
    }

    /// The expected form, for error messages.
    var expectation: String {
        switch self {
        case .kernel, .firmware, .symbols, .trace: "a path in quotation marks"
        case .initrd: "a path in quotation marks, or an array of such"
        case .modules: "\"FILE ARGUMENTS\", or an array of such"
        case .diskType: "\"floppy\", \"disk\" or \"cd\""
        case .report: "\"json:PATH\", \"junit:PATH\" or \"tap:PATH\", or an array of such"
        case .fileLimit: "a size in quotation marks, as \"64M\" or \"1G\", or \"none\""
        case .memory: "a size in quotation marks, as \"256M\" or \"2G\""
        case .timeout: "a time in quotation marks, as \"60s\", \"500ms\" or \"2m\""
        case .cpus: "a number of vCPUs, 1 or more"
        case .retries: "a number from 0 to 10"
        case .status: "an exit status from 0 to 255, or an array of such"
        case .devices: "a PCI function as \"0000:00:04.0\", or an array of such"
        case .testFunctions: "a slot in quotation marks, as \"5\", or \"auto\", or an array of such"
        case .expect, .failOn: "a regular expression in quotation marks, or an array of such"
        case .send: "\"REGEX=TEXT\", or an array of such"
        case .until: "\"expected\" or \"end\""
        case .postMortem: "\"short\", \"full\" or \"off\""
        case .onReset: "\"end\" or \"reboot\""
        case .hugepages, .testdev, .consoleStamps: "true or false"
        case .exitPort: "a port, as 0xf4 or 0x501, or \"none\""
        case .debugConsole: "\"console\", \"e9\" or \"none\""
        case .append, .cpu, .format, .exitPortStyle, .skip: "a string"
        }
    }
}

/// A key's value, checked.
struct SuiteValue: Equatable {
    /// The values in the option's form; several only for keys that take an array.
    let texts: [String]
    let line: Int
}
