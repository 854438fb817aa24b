/// Who answers where in the board's I/O space: the one list, from which the machine claims ports, tells its guest, and
/// says what is free.
///
/// What guests are told of can be moved. The others lie where every PC or the boot ROM has them.
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

    /// The exit port's place, unless another was asked for.
    public static var exitPort: UInt16 { ExitPort.standard }

    /// All but the exit port, which whoever asks chooses. Devices that are there only where they are asked for are in
    /// it, so two of them may have the same port.
    public var entries: [BoardEntry] {
        [
            serial, ConfigPorts.entry, panic, powerEvents, powerTimer, powerControl, KeyboardController.dataEntry,
            KeyboardController.commandEntry,
            clock, POSTPort.entry, SystemControlA.entry, ResetVector.entry, ROMFailure.entry, BootDisk.entry,
            FirmwareConfig.entry,
            CRTController.entry, DisplayStatus.entry, DebugConsole.entry, TestDevice.entry, PortE9.entry,
        ] + Self.elsewhere
    }

    /// What the kernel serves, and what nobody does.
    static let elsewhere = [
        BoardEntry("the PIC", 0x20..<0x22, 0xA0..<0xA2, 0x4D0..<0x4D2, servedBy: .kernel),
        BoardEntry("the timer", 0x40..<0x44, 0x61..<0x62, servedBy: .kernel),
        BoardEntry("an ISA board's DMA controller", 0x00..<0x20, servedBy: .nobody),
    ]

    /// Who answers at a port, or may; nil for a free one that no PCI function can get either.
    ///
    /// Those of devices that are there only where they are asked for count too: a port's meaning shouldn't hang on
    /// other options.
    public func owner(of port: UInt16) -> String? {
        if PhysicalLayout.guestPortWindow.contains(UInt64(port)) { return "the PCI devices (0x1000 to 0xffff)" }
        let names = entries.filter { $0.contains(port) }.map(\.name)
        return names.isEmpty ? nil : names.joined(separator: " and ")
    }
}
