/// A requested device: a QEMU device model, optionally with properties.
public struct LabDevice: Equatable, Sendable {
    public enum Kind: Sendable {
        /// A NIC; it gets a user network of its own: DHCP 10.0.2.15, gateway 10.0.2.2, nothing beyond.
        case nic
        /// Any other PCI device.
        case pci
    }

    public let kind: Kind
    /// The model's name in QEMU: `e1000e`, `virtio-net-pci`, `edu`, `nvme`.
    public let model: String
    /// `KEY=VALUE` each, in the syntax of QEMU's `-device`.
    public let properties: [String]

    public init(_ kind: Kind, _ model: String, properties: [String] = []) {
        self.kind = kind
        self.model = model
        self.properties = properties
    }

    /// Parses `MODEL[,KEY=VALUE]...`.
    /// - Throws: `LabError.usage` if the model is empty or a property has no value.
    public init(_ kind: Kind, parsing text: String) throws(LabError) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard let model = parts.first, !model.isEmpty, !model.contains("=") else {
            throw .usage("'\(text)' names no device model: it reads MODEL[,KEY=VALUE]..., such as e1000e or edu")
        }
        for property in parts.dropFirst() where property.first == "=" || !property.contains("=") {
            throw .usage("'\(property)' in '\(text)' isn't a property: it reads KEY=VALUE")
        }
        self.init(kind, model, properties: Array(parts.dropFirst()))
    }

    /// The slots on bus 0 for requested devices, in order; those below are the lab's own, those above the chipset's.
    public static let slots = 4...0x1e

    /// Returns the address of the requested device with number `index`, from 0.
    public static func address(ofDevice index: Int) -> String {
        let slot = String(slots.lowerBound + index, radix: 16)
        return "0000:00:\(slot.count < 2 ? "0" : "")\(slot).0"
    }
}
