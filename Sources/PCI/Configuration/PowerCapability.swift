/// The power management capability's layout; PCI Power Management 1.2, section 3.2.
public struct PowerCapability: Sendable, Hashable {
    public let offset: Int
    /// The optional states D1 and D2; PMC bits 9 and 10.
    private let hasD1: Bool
    private let hasD2: Bool

    static let length = 8

    /// Power Management Capabilities, PMC; section 3.2.3.
    enum Capabilities {
        static let offset = 2
        static let d1: UInt16 = 1 << 9
        static let d2: UInt16 = 1 << 10
        /// The states from which the function can signal PME.
        static let pmeSupport: UInt16 = 0xF800
    }

    /// Power Management Control/Status, PMCSR; section 3.2.4.
    enum ControlStatus {
        static let offset = 4
        static let powerState: UInt32 = 0x0003
        static let noSoftReset: UInt32 = 0x0008
    }

    /// The states of a function, as PMCSR bits 1:0 encode them.
    public enum State: UInt8, Sendable, Hashable {
        case d0, d1, d2, d3hot
    }

    /// Decodes the layout at `offset`; nil if it extends beyond the 256 bytes.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard offset + Self.length <= min(bytes.count, 256) else { return nil }
        let capabilities = Capability.word16(bytes, offset + Capabilities.offset)
        self.offset = offset
        hasD1 = capabilities & Capabilities.d1 != 0
        hasD2 = capabilities & Capabilities.d2 != 0
    }

    /// The offset of the control and status register, PMCSR; section 3.2.4.
    public var control: Int { offset + ControlStatus.offset }

    /// The state in the guest's view.
    public func state(in space: ConfigSpace) -> State {
        State(rawValue: UInt8(truncatingIfNeeded: space.read(control, width: 1) & ControlStatus.powerState))
            ?? .d0
    }

    /// Puts a state into the guest's view.
    public func set(_ state: State, in space: inout ConfigSpace) {
        space.set(control, space.read(control, width: 1) & ~ControlStatus.powerState | UInt32(state.rawValue), width: 1)
    }

    /// Returns the state that a function is in after a write of `wanted`: a state that it lacks is discarded (section
    /// 3.2.4, PowerState), and from a low state it only goes deeper or to D0 (section 5.3; Linux refuses other
    /// transitions, drivers/pci/pci.c, pci_set_power_state).
    public func state(after wanted: State, from old: State) -> State {
        switch wanted {
        case .d0, .d3hot: wanted
        case .d1: hasD1 && old.rawValue < 1 ? wanted : old
        case .d2: hasD2 && old.rawValue < 2 ? wanted : old
        }
    }
}
