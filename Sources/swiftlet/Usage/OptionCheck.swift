import PCI
import Scripting

/// Why an option of a command doesn't take a value, in the words of the type that reads it.
enum OptionCheck {
    /// - Throws: the reason. Values that nothing is said of here are left to the argument parser.
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

    /// - Parameter name: what the command calls the argument.
    static func check(argument word: String, of name: String) throws(BadValue) {
        if name == "address" || name == "addresses", PCIAddress(word) == nil { throw DeviceOption.noAddress(word) }
    }
}
