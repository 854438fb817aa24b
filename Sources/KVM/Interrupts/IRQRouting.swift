public import PCI

/// The destination of a GSI.
public enum IRQRoute: Hashable, Sendable {
    /// A pin of the in-kernel master PIC (0...7).
    case picMaster(UInt32)
    /// A pin of the in-kernel slave PIC (0...7).
    case picSlave(UInt32)
    /// A pin of the in-kernel IOAPIC (0...23).
    case ioapic(UInt32)
    /// A message.
    case msi(MSIMessage)
}

/// The routing table of KVM_SET_GSI_ROUTING (api.rst 4.52), which replaces all routes at once: pins, and free GSIs for
/// messages.
public struct IRQRouting: Sendable {
    /// Initially a PC's wiring: GSI 0...15 to the PICs, GSI 0...23 to the IOAPIC pin of the same number. Exceptions are
    /// GSI 0, the timer, at IOAPIC pin 2, and GSI 2, the PICs' cascade, which has no IOAPIC pin. KVM's own initial
    /// table has the timer at pin 0 (arch/x86/kvm/irq_comm.c, default_routing), where systems don't look for it.
    public private(set) var routes: [(gsi: UInt32, route: IRQRoute)]
    private var messageGSIs: Set<UInt32> = []

    /// The number of routes that `init` makes: two each for GSI 0...15 except GSI 2, and one each for the others.
    private static let pinRoutes = 39
    /// The IOAPIC pin of the PIT's line, which firmware's tables report by an interrupt source override.
    public static let timerPin: UInt32 = 2
    /// The number of GSIs in use for messages.
    public var messageCount: Int { messageGSIs.count }

    /// The first GSI that no pin has.
    public static let firstMessageGSI: UInt32 = 24
    /// The largest number of GSIs for messages, if the kernel allows as many.
    public static let messageGSILimit = 1000
    /// The largest number of messages that have a GSI at a time.
    public let messageLimit: Int

    /// - Parameter limit: the kernel's largest number of routes, pins included: the value of KVM_CAP_IRQ_ROUTING, 1024
    ///   up to Linux 4.8, 4096 since.
    public init(limit: Int = 4096) {
        // GSIs must be below that number, too (virt/kvm/irqchip.c, kvm_set_irq_routing).
        messageLimit = min(Self.messageGSILimit, max(0, limit - Self.pinRoutes))
        routes = []
        for gsi: UInt32 in 0..<24 {
            if gsi < 8 { routes.append((gsi, .picMaster(gsi))) }
            if gsi >= 8 && gsi < 16 { routes.append((gsi, .picSlave(gsi - 8))) }
            if gsi != Self.timerPin { routes.append((gsi, .ioapic(gsi == 0 ? Self.timerPin : gsi))) }
        }
    }

    /// Allocates a free GSI for a message; nil if all are in use.
    public mutating func add(_ message: MSIMessage) -> UInt32? {
        let candidates = Self.firstMessageGSI..<Self.firstMessageGSI + UInt32(messageLimit)
        guard let gsi = candidates.first(where: { !messageGSIs.contains($0) }) else { return nil }
        messageGSIs.insert(gsi)
        routes.append((gsi, .msi(message)))
        return gsi
    }

    /// Changes the message of a GSI.
    public mutating func update(_ gsi: UInt32, _ message: MSIMessage) {
        guard let index = routes.firstIndex(where: { $0.gsi == gsi }) else { return }
        routes[index].route = .msi(message)
    }

    /// Frees the GSI of a message.
    public mutating func remove(_ gsi: UInt32) {
        guard messageGSIs.remove(gsi) != nil else { return }
        routes.removeAll { $0.gsi == gsi }
    }

    /// `struct kvm_irq_routing` with its entries of 48 bytes.
    var table: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 + routes.count * 48)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt32(routes.count), as: UInt32.self)
            for (number, entry) in routes.enumerated() {
                let words: [UInt32] =
                    switch entry.route {
                    case .picMaster(let pin): [entry.gsi, 1, 0, 0, 0, pin]
                    case .picSlave(let pin): [entry.gsi, 1, 0, 0, 1, pin]
                    case .ioapic(let pin): [entry.gsi, 1, 0, 0, 2, pin]
                    case .msi(let message):
                        [
                            entry.gsi, 2, 0, 0, UInt32(truncatingIfNeeded: message.address), message.upperWord,
                            message.data,
                        ]
                    }
                for (index, word) in words.enumerated() {
                    bytes.storeBytes(of: word, toByteOffset: 8 + number * 48 + index * 4, as: UInt32.self)
                }
            }
        }
        return bytes
    }
}
