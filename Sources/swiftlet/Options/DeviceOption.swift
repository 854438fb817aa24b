import ArgumentParser
import Assignment
import HostDevices
import PCI
import VMM

/// `--device BDF[,backend=auto|group|kvm][,msi=auto|signal|irqfd][,slot=N][,rom=on|off]`.
struct DeviceOption: Equatable, ExpressibleByArgument, OptionValue {
    let address: PCIAddress
    /// The kernel interface to use; nil for the host's default.
    private(set) var interface: AssignmentInterface?
    /// The delivery of its messages; nil for the interface's default.
    private(set) var delivery: MessageDelivery?
    /// The guest's slot; nil for the first free one.
    private(set) var slot: Int?
    /// True if the guest gets the device's expansion ROM.
    private(set) var showsROM = false

    init(option text: String) throws(BadValue) {
        var parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)[...]
        let first = parts.removeFirst()
        guard let address = PCIAddress(first) else {
            throw Self.noAddress(first)
        }
        self.address = address
        var seen: [String] = []
        for part in parts {
            guard let equals = part.firstIndex(of: "=") else {
                throw part.isEmpty
                    ? BadValue("there is nothing after a comma")
                    : BadValue("'\(part)' is no field: write NAME=VALUE; \(Self.fields(near: part))")
            }
            let (name, value) = (String(part[..<equals]), String(part[part.index(after: equals)...]))
            guard !seen.contains(name) else { throw BadValue("the field \(name) is given twice: give it once") }
            seen.append(name)
            try set(name, value)
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(BadValue) {
        switch name {
        case "backend":
            interface = AssignmentInterface(rawValue: value)
            guard interface != nil || value == "auto" else {
                throw Self.refusal(name, value, ["auto"] + AssignmentInterface.allCases.map(\.rawValue))
            }
        case "msi":
            delivery = MessageDelivery(rawValue: value)
            guard delivery != nil || value == "auto" else {
                throw Self.refusal(name, value, ["auto", "signal", "irqfd"])
            }
        case "rom":
            guard value == "on" || value == "off" else { throw Self.refusal(name, value, ["on", "off"]) }
            showsROM = value == "on"
        case "slot":
            guard let number = Int(value), (1...31).contains(number) else {
                throw BadValue("slot takes 1 to 31, not '\(value)'")
            }
            slot = number
        default: throw BadValue("there is no field '\(name)'; \(Self.fields(near: name))")
        }
    }

    /// Returns the error for a word that is not the address of a PCI function.
    static func noAddress(_ word: String) -> BadValue {
        BadValue(
            "'\(word)' is not a PCI address: it is written 0000:00:04.0 or 00:04.0 (swiftlet devices lists this host's)"
        )
    }

    private static func refusal(_ name: String, _ value: String, _ choices: [String]) -> BadValue {
        BadValue("\(name) takes \(choices.dropLast().joined(separator: ", ")) or \(choices.last ?? ""), not '\(value)'")
    }

    private static func fields(near name: String) -> String {
        let known = ["backend", "msi", "slot", "rom"]
        return BadValue.near(name, known).map { "did you mean \($0)?" } ?? "there are \(known.joined(separator: ", "))"
    }

    init?(argument: String) {
        guard let option = try? DeviceOption(option: argument) else { return nil }
        self = option
    }
}

/// `--console stdio|quoted|none|file:PATH`.
enum ConsoleOption: Equatable, ExpressibleByArgument, OptionValue {
    case stdio, quoted, none
    case file(String)

    init(option text: String) throws(BadValue) {
        switch text {
        case "stdio": self = .stdio
        case "quoted": self = .quoted
        case "none": self = .none
        default:
            guard let (scheme, path) = SchemePath.split(text), scheme == "file" else {
                throw BadValue("the console goes to stdio, quoted, none or file:PATH")
            }
            self = .file(try BadValue.path(path, behind: "file:"))
        }
    }

    /// True if it uses standard output and input.
    var isStandard: Bool { self == .stdio || self == .quoted }

    init?(argument: String) {
        guard let option = try? ConsoleOption(option: argument) else { return nil }
        self = option
    }
}

/// `--debug-console console|e9|none`.
enum DebugConsoleOption: String, ExpressibleByArgument, CaseIterable {
    /// Port 0x402 is shown on the console.
    case console
    /// Port 0xe9 is shown on the console.
    case e9
    case none
}

/// `--report json:PATH|junit:PATH|tap:PATH`.
struct ReportOption: Equatable, ExpressibleByArgument, OptionValue {
    enum Format: String, CaseIterable {
        case json, junit, tap
    }

    let format: Format
    let path: String

    init(option text: String) throws(BadValue) {
        (format, path) = try SchemePath.format(text)
    }

    init?(argument: String) {
        guard let option = try? ReportOption(option: argument) else { return nil }
        self = option
    }
}
