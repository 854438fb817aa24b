public import PCI

/// A function on the guest's PCI bus. The bridge calls it from any vCPU's thread.
open class PCIFunction: @unchecked Sendable {
    // @unchecked: the base class's one variable is set before the first vCPU runs, and constant from then on.
    public init() {}

    /// The slot on the guest's bus; 0 before it is put there.
    public internal(set) final var slot = 0

    /// The name for people: a passed-through function's address on the host.
    open var name: String { "slot \(slot)" }

    /// Memory of a BAR that the guest may access without an exit.
    public struct MappableRegion: @unchecked Sendable {
        // @unchecked: an address of memory that the function keeps mapped for its whole life.

        /// The offset in the BAR, page-aligned.
        public let offset: UInt64
        /// The size in bytes, page-aligned.
        public let count: UInt64
        public let memory: UnsafeMutableRawPointer
        /// True if the guest's writes go to `writeBAR` and not to the memory.
        public let isReadOnly: Bool

        public init(offset: UInt64, count: UInt64, memory: UnsafeMutableRawPointer, isReadOnly: Bool = false) {
            self.offset = offset
            self.count = count
            self.memory = memory
            self.isReadOnly = isReadOnly
        }
    }

    /// A decoded BAR and its address.
    public struct DecodedBAR: Sendable, Hashable {
        public let bar: BAR
        public let address: UInt64

        public init(bar: BAR, address: UInt64) {
            self.bar = bar
            self.address = address
        }
    }

    /// Returns the BARs of a function that its configuration space decodes.
    public static func decoded(_ bars: [BAR], in space: ConfigSpace) -> [DecodedBAR] {
        bars.filter { $0.isDecoded(in: space) }.map { DecodedBAR(bar: $0, address: $0.address(in: space)) }
    }

    /// The base address registers it has.
    open var bars: [BAR] { [] }

    /// 1...4 for INTA...INTD, 0 for none.
    open var interruptPin: Int { 0 }

    /// Assigns a BAR's first address, as firmware would.
    open func assign(_ bar: BAR, address: UInt64) {}

    /// Sets the Interrupt Line register, as firmware would: the GSI its pin is wired to.
    open func assignInterruptLine(_ gsi: UInt8) {}

    /// Returns the BARs that are decoded now.
    open func decodedBARs() -> [DecodedBAR] { [] }

    /// Returns the directly accessible parts of a BAR.
    open func mappableRegions(_ bar: Int) -> [MappableRegion] { [] }

    /// True if it may send an NMI, an SMI or an INIT as a message: these wake a processor that has interrupts off.
    open var sendsUnmaskableMessages: Bool { false }

    /// Reads 1, 2 or 4 bytes of configuration space at 0..<4096.
    open func readConfig(_ offset: Int, width: Int) -> UInt32 { .max }

    /// Writes 1, 2 or 4 bytes of configuration space at 0..<4096.
    /// - Parameter remap: to be called whenever the result of `decodedBARs` changed: at once if a range is no longer
    ///   decoded, before the device is informed; and after the device is informed if a range is newly decoded.
    open func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {}

    /// Reads from a BAR outside its direct areas.
    open func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 { .max }

    open func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {}
}
