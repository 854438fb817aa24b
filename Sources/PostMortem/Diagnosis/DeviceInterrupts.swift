import Bytes
import X86

/// The state of a passed-through function's interrupts at the end.
public struct DeviceInterrupts: Sendable, Equatable {
    public struct Vector: Sendable, Equatable {
        public let number: Int
        public let isMasked: Bool
        /// True if the mask holds an interrupt back.
        public let isPending: Bool
        /// The vector in its message's data, for the guest's local APICs.
        public let guestVector: Int

        public init(number: Int, isMasked: Bool, isPending: Bool, guestVector: Int) {
            (self.number, self.isMasked, self.isPending, self.guestVector) = (number, isMasked, isPending, guestVector)
        }
    }

    /// Its address on the host.
    public let address: String
    /// `INTx`, `MSI`, `MSI-X`, or `none`.
    public let mode: String
    /// The line's GSI, if INTx is enabled.
    public let gsi: UInt32?
    /// COMMAND's INTx-disable bit in the guest's view.
    public let isINTxDisabled: Bool
    /// MSI-X's function mask.
    public let isFunctionMasked: Bool
    /// Vectors that the guest set up or that are pending.
    public let vectors: [Vector]

    public init(
        address: String, mode: String, gsi: UInt32?, isINTxDisabled: Bool, isFunctionMasked: Bool, vectors: [Vector]
    ) {
        (self.address, self.mode, self.gsi) = (address, mode, gsi)
        (self.isINTxDisabled, self.isFunctionMasked, self.vectors) = (isINTxDisabled, isFunctionMasked, vectors)
    }

    /// Returns the reason why an interrupt of this device does not reach a waiting guest, as part of a sentence; nil if
    /// there is none.
    func obstacle(_ ioapic: IOAPIC?) -> String? {
        let held = vectors.filter { $0.isMasked && $0.isPending }
        if let first = held.first {
            let mask =
                isFunctionMasked
                ? "the function's MSI-X is masked" : "\(mode) vector \(first.number) of \(address) is masked"
            return "\(mask), \(held.count) pending\(isFunctionMasked ? " (\(address))" : "")"
        }
        guard mode == "INTx", let gsi else { return nil }
        if isINTxDisabled { return "\(address) may not assert INTx: the guest set INTx-disable" }
        guard let pin = ioapic?.pins.first(where: { $0.number == Int(gsi) }) else { return nil }
        if pin.isRequested, pin.isMasked {
            return "INTx of \(address) is asserted, but pin \(gsi) of the I/O APIC is masked"
        }
        if pin.isInService {
            return "INTx of \(address), pin \(gsi) of the I/O APIC, was taken and never ended by an EOI"
        }
        return nil
    }

    var words: String {
        var words = "\(address): \(mode)"
        if let gsi { words += ", GSI \(gsi)" }
        if isINTxDisabled { words += ", INTx disabled" }
        if isFunctionMasked { words += ", function masked" }
        let open = vectors.filter { !$0.isMasked }.map {
            "\($0.number) (guest vector \(UInt64($0.guestVector).hexadecimal))"
        }
        if !open.isEmpty {
            words += ", unmasked \(open.prefix(8).joined(separator: " "))\(open.count > 8 ? " ..." : "")"
        }
        let masked = vectors.filter(\.isMasked)
        if !masked.isEmpty { words += ", masked \(masked.prefix(8).map { "\($0.number)" }.joined(separator: " "))" }
        let pending = vectors.filter(\.isPending)
        if !pending.isEmpty { words += ", pending \(pending.prefix(8).map { "\($0.number)" }.joined(separator: " "))" }
        return words
    }
}
