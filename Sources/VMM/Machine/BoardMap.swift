/// The map of the board's I/O space: the list of ports that describes them to the guest and finds free ones. Tests hold
/// the machine's claims and docs/machine.md to it.
///
/// Ports that guests are told of can be moved. The others are fixed on every PC or in the boot ROM.
public struct BoardMap: Equatable, Sendable {
    var serial = SerialPort.entry
    var serialGSI = SerialPort.gsi
    var clock = RealTimeClock.entry
    var clockGSI = RealTimeClock.gsi
    var panic = PanicPort.entry
    var powerEvents = PowerEvents.entry
    var powerControl = PowerManagement.entry
    var powerTimer = PowerTimer.entry
    /// The system control interrupt.
    var powerGSI = PowerEvents.gsi

    public init() {}

    /// The default exit port.
    public static var exitPort: UInt16 { ExitPort.standard }

    /// All entries except the exit port, which the user chooses. Optional devices are included, so two entries may have
    /// the same port.
    public var entries: [BoardEntry] {
        [
            serial, ConfigPorts.entry, panic, powerEvents, powerTimer, powerControl, KeyboardController.dataEntry,
            KeyboardController.commandEntry,
            clock, POSTPort.entry, SystemControlA.entry, ResetVector.entry, ROMFailure.entry, BootDisk.entry,
            FirmwareConfig.entry,
            CRTController.entry, DisplayStatus.entry, DebugConsole.entry, TestDevice.entry, PortE9.entry,
        ] + Self.elsewhere
    }

    /// Ports that the kernel serves, or no device.
    static let elsewhere = [
        BoardEntry("the PIC", 0x20..<0x22, 0xA0..<0xA2, 0x4D0..<0x4D2, servedBy: .kernel),
        BoardEntry("the timer", 0x40..<0x44, 0x61..<0x62, servedBy: .kernel),
        BoardEntry("an ISA board's DMA controller", 0x00..<0x20, servedBy: .nobody),
    ]

    /// Returns the device that answers, or may answer, at a port; nil for a free port that no PCI function can get
    /// either.
    ///
    /// Optional devices count too: the meaning of a port should not depend on other options.
    public func owner(of port: UInt16) -> String? {
        if PhysicalLayout.guestPortWindow.contains(UInt64(port)) { return "the PCI devices (0x1000 to 0xffff)" }
        let names = entries.filter { $0.contains(port) }.map(\.name)
        return names.isEmpty ? nil : names.joined(separator: " and ")
    }
}
