/// Where things lie in the guest's physical address space, and where PCI functions have their ports. One place for
/// every constant, as a board has one memory map. The board's own ports: ``BoardMap``.
public enum PhysicalLayout {
    /// RAM below 4 GiB ends here at the latest; from here to 4 GiB is for devices.
    public static let lowRAMLimit: UInt64 = 0xC000_0000
    /// RAM above that continues here.
    public static let highRAMStart: UInt64 = 1 << 32
    /// 32-bit memory BARs are given addresses here. Guests may move them anywhere from the end of RAM to ECAM.
    public static let memoryWindow: Range<UInt64> = 0xC000_0000..<0xE000_0000
    /// The enhanced configuration window: 256 buses of 1 MiB.
    public static let ecam: Range<UInt64> = 0xE000_0000..<0xF000_0000
    /// The part of it that the firmware tables name: bus 0, as no other has functions. Linux asks every slot of every
    /// bus named there (Linux 6.1, `pcibios_fixup_peer_bridges`): for 256 buses that were 16384 exits.
    public static let populatedECAM: Range<UInt64> = ecam.lowerBound..<ecam.lowerBound + 1 << 20
    /// Where firmware puts that window: SeaBIOS does without asking (`src/fw/dev-q35.h`), so RAM below 4 GiB ends there
    /// at the latest.
    public static let firmwareECAM: Range<UInt64> = 0xB000_0000..<0xC000_0000
    /// Guests may move them here as well: behind ECAM, below the interrupt controllers.
    public static let upperMemoryWindow: Range<UInt64> = 0xF000_0000..<0xFEC0_0000
    /// Four pages that Intel hosts need for real mode: one for an identity map, three for a TSS.
    public static let intelScratchPages: UInt64 = 0xFEFF_C000
    /// I/O BARs are given ports here.
    public static let portWindow: Range<UInt64> = 0xC000..<0x1_0000
    /// Guests may move I/O BARs here: above the ports of the board itself.
    public static let guestPortWindow: Range<UInt64> = 0x1000..<0x1_0000

    /// The IOAPIC pins, and so GSIs, that INTx lines are wired to. Each line has a pin; above 15 no PIC pin listens.
    public static let intxGSIs: Range<UInt32> = 16..<24

    /// The GSI of a slot's pin (1...4 for INTA...INTD): neighbours get different lines, slots eight apart share.
    public static func intxGSI(slot: Int, pin: Int) -> UInt32 {
        intxGSIs.lowerBound + UInt32((slot + pin - 1) % intxGSIs.count)
    }

    /// Memory BARs above 4 GiB: the top quarter of what the processor can address.
    /// - Parameter bits: physical address bits, 32...52.
    public static func highMemoryWindow(physicalAddressBits bits: Int) -> Range<UInt64> {
        let end = UInt64(1) << UInt64(max(bits, 36))
        return end / 4 * 3..<end
    }
}
