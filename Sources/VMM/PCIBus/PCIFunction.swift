public import PCI

/// A function on the guest's PCI bus. The bridge calls it from any vCPU's thread.
open class PCIFunction: @unchecked Sendable {
    // @unchecked: the base class's one variable is set before the first vCPU runs, and constant from then on.
    public init() {}

    /// Where it is on the guest's bus; 0 before it is put there.
    public internal(set) final var slot = 0

    /// What people know it by: a passed-through function's address on the host.
    open var name: String { "slot \(slot)" }

    /// Memory of a BAR that the guest may reach without an exit.
    public struct MappableRegion: @unchecked Sendable {
        // @unchecked: an address of memory that the function keeps mapped for its whole life.

        /// From the BAR's start, page-aligned.
        public let offset: UInt64
        /// Page-aligned bytes.
        public let count: UInt64
        public let memory: UnsafeMutableRawPointer
        /// The guest's writes are not for the memory: they come to `writeBAR`.
        public let isReadOnly: Bool

        public init(offset: UInt64, count: UInt64, memory: UnsafeMutableRawPointer, isReadOnly: Bool = false) {
            self.offset = offset
            self.count = count
            self.memory = memory
            self.isReadOnly = isReadOnly
        }
    }

    /// A BAR whose decoder answers, and where.
    public struct DecodedBAR: Sendable, Hashable {
        public let bar: BAR
        public let address: UInt64

        public init(bar: BAR, address: UInt64) {
            self.bar = bar
            self.address = address
        }
    }

    /// Those of a function's BARs whose decoders answer, as its configuration space has them.
    public static func decoded(_ bars: [BAR], in space: ConfigSpace) -> [DecodedBAR] {
        bars.filter { $0.isDecoded(in: space) }.map { DecodedBAR(bar: $0, address: $0.address(in: space)) }
    }

    /// The base address registers it has.
    open var bars: [BAR] { [] }

    /// 1...4 for INTA...INTD, 0 for none.
    open var interruptPin: Int { 0 }

    /// Gives a BAR its first address, as firmware would.
    open func assign(_ bar: BAR, address: UInt64) {}

    /// Sets the Interrupt Line register, as firmware would: the GSI its pin is wired to.
    open func assignInterruptLine(_ gsi: UInt8) {}

    /// The BARs that answer just now.
    open func decodedBARs() -> [DecodedBAR] { [] }

    /// The directly reachable parts of a BAR.
    open func mappableRegions(_ bar: Int) -> [MappableRegion] { [] }

    /// Whether a message it may send is an NMI, an SMI or an INIT: those wake a processor that has interrupts off.
    open var sendsUnmaskableMessages: Bool { false }

    /// A configuration read of 1, 2 or 4 bytes at 0..<4096.
    open func readConfig(_ offset: Int, width: Int) -> UInt32 { .max }

    /// A configuration write of 1, 2 or 4 bytes at 0..<4096.
    /// - Parameter remap: to be called whenever the answer of `decodedBARs` changed: at once where a decoder stopped
    ///   answering, before the device itself hears of it; and after the device heard of it where one began to.
    open func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {}

    /// An access to a BAR outside its direct areas.
    open func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 { .max }

    open func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {}
}
