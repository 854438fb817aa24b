import Bytes

/// An I/O APIC's pins, decoded from `struct kvm_ioapic_state`. 82093AA, section 3.2.4.
public struct IOAPIC: Sendable, Equatable {
    public struct Pin: Sendable, Equatable {
        public let number: Int
        public let vector: Int
        public let isMasked: Bool
        public let isLevel: Bool
        /// A local APIC has accepted its level interrupt, and no EOI has ended it.
        public let isInService: Bool
        /// The pin requests an interrupt.
        public let isRequested: Bool
        public let destination: Int
        /// True if its interrupt is an NMI, an SMI or an INIT, which a processor accepts also with interrupts off.
        public let isUnmaskable: Bool

        /// The pin's settings and state as text.
        public var words: String {
            var words =
                "pin \(number): \(isLevel ? "level" : "edge"), vector \(UInt64(vector).hexadecimal), to \(destination)"
            if isMasked { words += ", masked" }
            if isRequested { words += ", pending" }
            if isInService { words += ", in service (no EOI yet)" }
            return words
        }
    }

    public let pins: [Pin]

    /// Bits of a redirection table entry.
    private enum Redirection {
        static let vectorMask: UInt64 = 0xFF
        static let deliveryModeShift: UInt64 = 8
        /// Remote IRR.
        static let inService: UInt64 = 1 << 14
        static let level: UInt64 = 1 << 15
        static let masked: UInt64 = 1 << 16
        static let destinationShift: UInt64 = 56
    }

    /// - Parameter state: at least 216 bytes: base address, select, id, requests, padding, 24 redirections of 8 bytes;
    ///   nil for less.
    public init?(state: [UInt8]) {
        guard state.count >= 216 else { return nil }
        let requests = state.littleEndian(at: 16, count: 4)
        pins = (0..<24).map { number in
            let entry = state.littleEndian(at: 24 + number * 8, count: 8)
            return Pin(
                number: number, vector: Int(entry & Redirection.vectorMask), isMasked: entry & Redirection.masked != 0,
                isLevel: entry & Redirection.level != 0, isInService: entry & Redirection.inService != 0,
                isRequested: requests >> UInt64(number) & 1 != 0,
                destination: Int(entry >> Redirection.destinationShift),
                isUnmaskable: Self.isUnmaskable(deliveryMode: entry >> Redirection.deliveryModeShift & 7))
        }
    }

    /// Returns true for bits 8 to 10 of a redirection or of a message's data that mean SMI, NMI or INIT.
    public static func isUnmaskable(deliveryMode: UInt64) -> Bool { [2, 4, 5].contains(deliveryMode) }

    /// The pins that may explain why nothing happens: set up, pending or in service.
    public var notable: [Pin] { pins.filter { !$0.isMasked || $0.isRequested && $0.vector > 0 || $0.isInService } }
}
