import PCI
import Scripting

/// The errors of options' values, in the words of the types that parse them.
enum OptionCheck {
    /// - Throws: the reason. Values of options that are not listed here are left to the argument parser.
    static func check(_ name: String, _ value: String, of command: String) throws(BadValue) {
        switch (command, name) {
        case ("run", _):
            var request = RunRequest()
            try request.set(name, value)
        case (_, "--memory"): _ = try MemorySize(option: value)
        case (_, "--log-limit"), (_, "--file-limit"), (_, "--console-log-limit"): _ = try SizeLimit(option: value)
        case (_, "--timeout"): _ = try TimeLimit(option: value)
        case (_, "--cpus"), (_, "--jobs"): _ = try BadValue.count(value)
        case (_, "--retries"): _ = try BadValue.count(value, from: 0)
        case ("suite", "--report"): _ = try SuiteReportOption(option: value)
        case (_, "--logs"), (_, "--kvm-unit-tests"), (_, "--only"), (_, "--group"), (_, "--kernel"), (_, "--modules"),
            (_, "--module"), (_, "--file"),
            (_, "--console-log"):
            _ = try BadValue.unlessEmpty(value)
        default: break
        }
    }

    /// - Parameter name: the argument's name in the command.
    static func check(argument word: String, of name: String) throws(BadValue) {
        if name == "address" || name == "addresses", PCIAddress(word) == nil { throw DeviceOption.noAddress(word) }
    }
}
