import Bytes
import HostDevices
import LinuxSystem
import PCI

/// The output of `swiftlet devices show` for a function: lines of a label and a text.
struct DeviceDescription {
    let rows: [(label: String, text: String)]

    init(_ function: HostPCIFunction) {
        var rows: [(label: String, text: String)] = []
        rows.append(
            (
                "class",
                """
                \(function.className) (\(function.classCode.hexadecimalDigits(4)), revision \
                \(function.revision.hexadecimalDigits(2)))
                """
            ))
        rows.append(("numbers", function.numericID))
        if function.subsystemVendorID != 0 {
            let name = function.names?.subsystem.map { " \($0)" } ?? ""
            rows.append(
                (
                    "board",
                    """
                    \(function.subsystemVendorID.hexadecimalDigits(4)):\
                    \(function.subsystemID.hexadecimalDigits(4))\(name)
                    """
                ))
        }
        rows.append(("driver", function.driver ?? "none"))
        rows.append(("IOMMU group", Self.group(function)))
        if let node = function.numaNode { rows.append(("NUMA node", "\(node)")) }
        rows.append(("interrupts", Self.interrupts(function)))
        rows.append(("reset", Self.reset(function)))
        for bar in function.bars {
            let kind = bar.kind.rawValue + (bar.isPrefetchable ? ", prefetchable" : "")
            rows.append(
                (
                    "BAR \(bar.index)",
                    """
                    0x\(bar.address.hexadecimalDigits(bar.kind == .ports ? 4 : 8)), \(ByteCount(bar.size).words), \
                    \(kind)
                    """
                ))
        }
        if function.romSize > 0 { rows.append(("ROM", ByteCount(function.romSize).words)) }
        for (index, capability) in function.capabilities.enumerated() {
            rows.append(
                (
                    index == 0 ? "capabilities" : "",
                    "\(capability.offset.hexadecimalDigits(capability.isExtended ? 3 : 2))  \(capability.name)"
                ))
        }
        if !function.isConfigReadable { rows.append(("", "more is shown to root")) }
        self.rows = rows
    }

    private static func group(_ function: HostPCIFunction) -> String {
        guard let number = function.iommuGroup else { return "none" }
        let others = IOMMUGroup(number: number).members.filter { $0.address != function.address }
        guard !others.isEmpty else { return "\(number), alone in it" }
        return "\(number), with " + others.map { "\($0.name) (\($0.driver ?? "no driver"))" }.joined(separator: ", ")
    }

    private static func interrupts(_ function: HostPCIFunction) -> String {
        var kinds: [String] = []
        if let pin = function.interruptPin, pin <= 4 {
            let letter = ["A", "B", "C", "D"][Int(pin) - 1]
            kinds.append("INT\(letter)" + (function.irq.map { " (host interrupt \($0))" } ?? ""))
        }
        if function.msiVectors > 0 {
            kinds.append("MSI with \(function.msiVectors) vector\(function.msiVectors == 1 ? "" : "s")")
        }
        if function.msixVectors > 0 {
            kinds.append("MSI-X with \(function.msixVectors) vector\(function.msixVectors == 1 ? "" : "s")")
        }
        return kinds.isEmpty ? "none" : kinds.joined(separator: ", ")
    }

    private static func reset(_ function: HostPCIFunction) -> String {
        let own = function.hasFunctionLevelReset ? "has function level reset" : "has no function level reset"
        return function.resetMethods.isEmpty ? own : "\(function.resetMethods.joined(separator: ", ")) (\(own))"
    }
}
