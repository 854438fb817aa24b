/// The guest's physical address space, and the ports of PCI functions. All constants are in one place, as in a board's
/// memory map. The board's own ports: ``BoardMap``.
public enum PhysicalLayout {
    /// The highest possible end of RAM below 4 GiB; from here to 4 GiB is for devices.
    public static let lowRAMLimit: UInt64 = 0xC000_0000
    /// The start of the remaining RAM.
    public static let highRAMStart: UInt64 = 1 << 32
    /// The window in which 32-bit memory BARs are placed. Guests may move them anywhere from the end of RAM to ECAM.
    public static let memoryWindow: Range<UInt64> = 0xC000_0000..<0xE000_0000
    /// The enhanced configuration window: 256 buses of 1 MiB.
    public static let ecam: Range<UInt64> = 0xE000_0000..<0xF000_0000
    /// The part of it that the firmware tables name: bus 0, the only one with functions. Linux probes every slot of
    /// every bus named there (Linux 6.1, `pcibios_fixup_peer_bridges`): 256 buses would cause 16384 exits.
    public static let populatedECAM: Range<UInt64> = ecam.lowerBound..<ecam.lowerBound + 1 << 20
    /// The place of that window under firmware: SeaBIOS always puts it there (`src/fw/dev-q35.h`), so RAM below 4 GiB
    /// ends below it.
    public static let firmwareECAM: Range<UInt64> = 0xB000_0000..<0xC000_0000
    /// A further window to which guests may move them: above ECAM, below the interrupt controllers.
    public static let upperMemoryWindow: Range<UInt64> = 0xF000_0000..<0xFEC0_0000
    /// Four pages that Intel hosts need for real mode: one for an identity map, three for a TSS.
    public static let intelScratchPages: UInt64 = 0xFEFF_C000
    /// The window in which I/O BARs are placed.
    public static let portWindow: Range<UInt64> = 0xC000..<0x1_0000
    /// The window to which guests may move I/O BARs: above the board's own ports.
    public static let guestPortWindow: Range<UInt64> = 0x1000..<0x1_0000

    /// The IOAPIC pins, and so GSIs, of INTx lines. Each line has its own pin; above 15 no PIC pin is connected.
    public static let intxGSIs: Range<UInt32> = 16..<24

    /// Returns the GSI of a slot's pin (1...4 for INTA...INTD): neighbours get different lines, slots eight apart
    /// share.
    public static func intxGSI(slot: Int, pin: Int) -> UInt32 {
        intxGSIs.lowerBound + UInt32((slot + pin - 1) % intxGSIs.count)
    }

    /// Returns the window for memory BARs above 4 GiB: the top quarter of the processor's address space.
    /// - Parameter bits: physical address bits, 32...52.
    public static func highMemoryWindow(physicalAddressBits bits: Int) -> Range<UInt64> {
        let end = UInt64(1) << UInt64(max(bits, 36))
        return end / 4 * 3..<end
    }
}
