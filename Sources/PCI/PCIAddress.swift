import Bytes

/// The address of a PCI function: segment (Linux: domain), bus, device and function. Printed as Linux prints it,
/// `0000:00:04.0`.
///
/// Source: PCI Firmware Specification 3.2, 4.1.2 (segment groups); PCI Local Bus Specification 3.0, 3.2.2.3 (bus,
/// device, function).
public struct PCIAddress: Hashable, Sendable {
    /// The segment group. Firmware uses 16 bits; Linux numbers those of some host bridges from 0x10000 up.
    public let segment: UInt32
    /// The bus within the segment.
    public let bus: UInt8
    /// The device on the bus, 0...31.
    public let device: UInt8
    /// The function of the device, 0...7.
    public let function: UInt8

    /// Creates an address from its numbers; nil if device or function is out of range.
    /// - Parameters:
    ///   - segment: the segment group, 0 on most machines
    ///   - bus: the bus within the segment
    ///   - device: 0...31
    ///   - function: 0...7
    public init?(segment: UInt32 = 0, bus: UInt8, device: UInt8, function: UInt8) {
        guard device < 32, function < 8 else { return nil }
        self.segment = segment
        self.bus = bus
        self.device = device
        self.function = function
    }

    /// Creates the address of a configuration address or requester ID: any 16 bits are valid.
    /// - Parameters:
    ///   - segment: the segment group
    ///   - requesterID: bus in bits 15..8, device in bits 7..3, function in bits 2..0
    public init(segment: UInt32 = 0, requesterID: UInt16) {
        self.segment = segment
        self.bus = UInt8(truncatingIfNeeded: requesterID >> 8)
        self.device = UInt8(truncatingIfNeeded: requesterID >> 3) & 31
        self.function = UInt8(truncatingIfNeeded: requesterID) & 7
    }

    /// Bus in bits 15..8, device in bits 7..3, function in bits 2..0 (PCI Express Base Specification 5.0, 2.2.4.2).
    public var requesterID: UInt16 {
        UInt16(bus) << 8 | UInt16(device) << 3 | UInt16(function)
    }
}

extension PCIAddress: Comparable {
    public static func < (left: PCIAddress, right: PCIAddress) -> Bool {
        (left.segment, left.requesterID) < (right.segment, right.requesterID)
    }
}

extension PCIAddress: LosslessStringConvertible {
    /// Parses `SSSS:BB:DD.F` or, in segment 0, `BB:DD.F`; all hexadecimal, leading zeros optional. Nil for anything
    /// else, and for numbers out of range.
    public init?(_ description: String) {
        let fields = description.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2 || fields.count == 3, let last = fields.last else { return nil }
        let slot = last.split(separator: ".", omittingEmptySubsequences: false)
        guard slot.count == 2,
            let segment = fields.count == 3 ? Self.hexadecimal(fields[0], digits: 8) : 0,
            let bus = Self.hexadecimal(fields[fields.count - 2], digits: 2),
            let device = Self.hexadecimal(slot[0], digits: 2),
            let function = Self.hexadecimal(slot[1], digits: 1)
        else { return nil }
        self.init(segment: segment, bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
    }

    /// The text `0000:00:04.0`; segments above 0xffff have more digits.
    public var description: String {
        segment.hexadecimalDigits(4) + ":" + bus.hexadecimalDigits(2) + ":" + device.hexadecimalDigits(2) + "."
            + String(function)
    }

    /// Parses digits only: the standard library's parser would accept a sign too.
    private static func hexadecimal(_ text: Substring, digits: Int) -> UInt32? {
        guard text.utf8.count <= digits, text.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
        return UInt32(text, radix: 16)
    }
}
