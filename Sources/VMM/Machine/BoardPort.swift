import Boot

/// Ports of the board, for whoever looks for a free one.
public enum BoardPort {
    /// Who answers at a port, or may; nil for a free one that no PCI function can get either.
    ///
    /// Those of devices that are there only where they are asked for count too: a port's meaning shouldn't hang on other options.
    public static func owner(of port: UInt16) -> String? {
        if PhysicalLayout.guestPortWindow.contains(UInt64(port)) { return "the PCI devices (0x1000 to 0xffff)" }
        return owners.first { $0.ports.contains(UInt64(port)) }?.name
    }

    private static let owners: [(ports: Range<UInt64>, name: String)] = [
        (0x00..<0x20, "an ISA board's DMA controller"), (0x20..<0x22, "the PIC"), (0xA0..<0xA2, "the PIC"), (0x4D0..<0x4D2, "the PIC"),
        (0x40..<0x44, "the timer"), (PhysicalLayout.keyboardPorts, "the keyboard controller"), (PhysicalLayout.clockPorts, "the clock"),
        (at(PhysicalLayout.postPort), "the POST codes"), (0x92..<0x93, "system control A"), (0xE0..<0xEC, "the test device and --debug-console e9"),
        (0x3B4..<0x3B6, "the CRT controller"), (0x3BA..<0x3BB, "the CRT controller"), (0x3D4..<0x3D6, "the CRT controller"),
        (0x3DA..<0x3DB, "the CRT controller"), (at(PhysicalLayout.comPort, 8), "COM1"), (at(UInt16(DebugConsole.port)), "--debug-console console"),
        (at(PhysicalLayout.panicPort), "the panic port"), (FirmwareConfig.ports, "the firmware configuration"), (at(BootROM.diskPort, 4), "the boot disk"),
        (at(BootROM.resetPort), "the boot ROM"), (at(BootROM.failurePort), "the boot ROM"), (at(PhysicalLayout.pm1aEventPort, 4), "ACPI"),
        (at(PhysicalLayout.pm1aControlPort, 2), "ACPI"),
        (at(PhysicalLayout.pmTimerPort, 4), "ACPI"), (0xCF8..<0xD00, "PCI configuration and reset control"),
    ]

    private static func at(_ port: UInt16, _ count: UInt64 = 1) -> Range<UInt64> { UInt64(port)..<UInt64(port) + count }
}
