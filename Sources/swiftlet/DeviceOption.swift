import ArgumentParser
import Assignment
import PCI

/// `--device BDF[,backend=auto|group|kvm][,msi=auto|signal|irqfd][,slot=N][,rom=on|off]`.
struct DeviceOption: Equatable, ExpressibleByArgument {
    let address: PCIAddress
    /// The kernel interface that passes it; nil for the one this host has.
    private(set) var interface: AssignmentInterface?
    /// How its messages reach the guest; nil for the interface's own way.
    private(set) var delivery: MessageDelivery?
    /// The guest's slot; nil for the first free one.
    private(set) var slot: Int?
    /// Whether the guest finds the device's expansion ROM.
    private(set) var showsROM = false

    init?(argument: String) {
        var parts = argument.split(separator: ",", omittingEmptySubsequences: false)[...]
        guard let address = PCIAddress(String(parts.removeFirst())) else { return nil }
        self.address = address
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { return nil }
            switch (pair[0], pair[1]) {
            case ("backend", "auto"): interface = nil
            case ("backend", let name):
                guard let value = AssignmentInterface(rawValue: String(name)) else { return nil }
                interface = value
            case ("msi", "auto"): delivery = nil
            case ("msi", let name):
                guard let value = MessageDelivery(rawValue: String(name)) else { return nil }
                delivery = value
            case ("rom", "on"): showsROM = true
            case ("rom", "off"): showsROM = false
            case ("slot", let number):
                guard let value = Int(number), (1...31).contains(value) else { return nil }
                slot = value
            default: return nil
            }
        }
    }
}

/// `--console stdio|none|file:PATH`.
enum ConsoleOption: Equatable, ExpressibleByArgument {
    case stdio, quoted, none
    case file(String)

    init?(argument: String) {
        switch argument {
        case "stdio": self = .stdio
        case "quoted": self = .quoted
        case "none": self = .none
        default:
            guard argument.hasPrefix("file:"), argument.count > 5 else { return nil }
            self = .file(String(argument.dropFirst(5)))
        }
    }

    /// Whether it is on standard output and input.
    var isStandard: Bool { self == .stdio || self == .quoted }
}

/// `--debug-console console|none`.
enum DebugConsoleOption: String, ExpressibleByArgument, CaseIterable {
    case console, none
}

/// `--report json:PATH|junit:PATH|tap:PATH`.
struct ReportOption: Equatable, ExpressibleByArgument {
    enum Format: String, CaseIterable {
        case json, junit, tap
    }

    let format: Format
    let path: String

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let format = Format(rawValue: String(parts[0])) else { return nil }
        self.format = format
        path = String(parts[1])
    }
}
