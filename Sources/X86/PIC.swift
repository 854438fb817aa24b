import Bytes

/// The two interrupt controllers of a PC/AT, decoded from two `struct kvm_pic_state`. 8259A datasheet, "Programming the
/// 8259A".
public struct PIC: Sendable, Equatable {
    /// One of the two controllers.
    struct Half: Sendable, Equatable {
        let requested: UInt8
        let masked: UInt8
        let inService: UInt8
        /// The vector of its first line, a multiple of 8; 0 if nobody set it up. Firmware sets 8, and 0x70 on the
        /// second.
        let base: UInt8

        init(_ state: [UInt8]) {
            requested = state[1]
            masked = state[2]
            inService = state[3]
            base = state[5]
        }
    }

    private let halves: [Half]
    /// True if the timer runs as firmware left it: then a request of IRQ 0 tells nothing about the guest.
    private let hasFirmwareTimer: Bool

    /// The line of the first controller that the output of the second is connected to.
    private static let cascade = 2

    /// Decodes the two controllers. Returns nil for fewer than 16 bytes each, in the order of `struct kvm_pic_state`:
    /// last levels, requests, masks, in service, priority, base.
    /// - Parameter hasFirmwareTimer: true if the timer is as firmware left it.
    public init?(first: [UInt8], second: [UInt8], hasFirmwareTimer: Bool = false) {
        guard first.count >= 16, second.count >= 16 else { return nil }
        self.hasFirmwareTimer = hasFirmwareTimer
        halves = [Half(first), Half(second)]
    }

    private func lines(_ bits: (Half) -> UInt8) -> [Int] {
        (0..<16).filter { bits(halves[$0 / 8]) >> ($0 % 8) & 1 != 0 && $0 != Self.cascade }
    }

    /// The vectors of IRQ 0 and of IRQ 8; 0 if the guest set none up.
    public var vectors: [Int] { halves.map { Int($0.base) } }
    /// IRQs that a device requests; without IRQ 0 if the timer is as firmware left it.
    public var requested: [Int] { lines(\.requested).filter { $0 != 0 || !hasFirmwareTimer } }
    /// IRQs that are masked.
    public var masked: [Int] { (0..<16).filter { isMasked($0) && $0 != Self.cascade } }
    /// IRQs that were accepted and not ended by an EOI.
    public var inService: [Int] { lines(\.inService) }

    /// True if the guest has set it up and unmasked a line, or relies on firmware's setup for interrupts.
    public var isUsed: Bool {
        halves[0].base != 0 && masked.count < 15 && (halves[0].base != Self.firmwareBase || !inService.isEmpty)
    }

    /// The vector of IRQ 0 on a PC whose firmware has set the PICs up.
    private static let firmwareBase: UInt8 = 8

    /// Returns true if the line's own bit is set, or if the first controller masks the second.
    private func isMasked(_ line: Int) -> Bool {
        let isOwn = halves[line / 8].masked >> (line % 8) & 1 != 0
        return isOwn || line >= 8 && halves[0].masked >> Self.cascade & 1 != 0
    }

    /// The reason why an interrupt does not reach a waiting guest, as part of a sentence; nil if there is none.
    public var obstacle: String? {
        guard halves[0].base != 0 else { return nil }
        if let line = requested.first(where: isMasked) { return "IRQ \(line) is requested, but masked at the PIC" }
        if let line = requested.first {
            if let served = inService.first {
                return
                    "IRQ \(line) is requested at the PIC, but IRQ \(served) was taken there and never ended by an EOI"
            }
            return "IRQ \(line) is requested at the PIC, and about to wake it"
        }
        if let served = inService.first { return "IRQ \(served) was taken from the PIC and never ended by an EOI" }
        return nil
    }

    /// The state as text: requested, in service and unmasked lines.
    public var words: String {
        func list(_ lines: [Int]) -> String { "IRQ " + lines.map { "\($0)" }.joined(separator: " ") }
        var parts = ["vectors \(UInt64(halves[0].base).hexadecimal) and \(UInt64(halves[1].base).hexadecimal)"]
        parts.append(requested.isEmpty ? "nothing requested" : "requested \(list(requested))")
        parts.append(inService.isEmpty ? "nothing in service" : "in service \(list(inService))")
        let open = (0..<16).filter { !isMasked($0) && $0 != Self.cascade }
        parts.append(open.isEmpty ? "all masked" : "unmasked \(list(open))")
        return parts.joined(separator: ", ")
    }
}
