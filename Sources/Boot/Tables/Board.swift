public import Bytes

/// A machine as the firmware tables describe it: the input of ``FirmwareTables``.
public struct Board: Equatable, Sendable {
    /// A device on the ISA bus.
    public struct ISADevice: Equatable, Sendable {
        /// The first of its I/O ports.
        public let port: UInt16
        /// Its ISA interrupt, 0...15.
        public let irq: UInt8

        public init(port: UInt16, irq: UInt8) {
            self.port = port
            self.irq = irq
        }
    }

    /// The wiring of a PCI function's interrupt pin.
    public struct InterruptRoute: Equatable, Sendable {
        /// The slot on bus 0, 0...31.
        public let slot: Int
        /// 1...4 for INTA...INTD.
        public let pin: Int
        /// The IOAPIC pin, which is the GSI too. The line is level-triggered.
        public let gsi: UInt32

        public init(slot: Int, pin: Int, gsi: UInt32) {
            self.slot = slot
            self.pin = pin
            self.gsi = gsi
        }
    }

    /// ACPI's fixed hardware (ACPI 6.5, section 4.8).
    public struct PowerManagement: Equatable, Sendable {
        /// PM1a status and enable registers: two ports each, aligned to 4.
        public var eventPort: UInt16
        /// PM1a control register: two ports.
        public var controlPort: UInt16
        /// The 32-bit power management timer: four ports, 3.579545 MHz.
        public var timerPort: UInt16
        /// SLP_TYP that PM1a control takes for soft off, 0...7.
        public var sleepTypeS5: UInt8
        /// The system control interrupt's GSI, 1 or 3...15, level-triggered and active high.
        public var interrupt: UInt8
        /// The port whose value `resetValue` resets the machine.
        public var resetPort: UInt16
        public var resetValue: UInt8

        public init(
            eventPort: UInt16, controlPort: UInt16, timerPort: UInt16, sleepTypeS5: UInt8, interrupt: UInt8,
            resetPort: UInt16,
            resetValue: UInt8
        ) {
            self.eventPort = eventPort
            self.controlPort = controlPort
            self.timerPort = timerPort
            self.sleepTypeS5 = sleepTypeS5
            self.interrupt = interrupt
            self.resetPort = resetPort
            self.resetValue = resetValue
        }
    }

    /// The processors' APIC ids, ascending, the bootstrap processor's first. The index in the list is the ACPI UID.
    public var apicIDs: [UInt32]
    /// CPUID leaf 1, EAX: the MP table gives old kernels family, model and stepping.
    public var processorSignature: UInt32 = 0x600
    /// CPUID leaf 1, EDX, for the same readers: here an FPU and a local APIC.
    public var processorFeatures: UInt32 = 0x201
    /// Physical address of the local APICs.
    public var localAPICAddress: UInt32 = 0xfee0_0000
    /// Physical address of the one IOAPIC, whose pins are GSI 0 and on.
    public var ioapicAddress: UInt32 = 0xfec0_0000
    /// The value of its ID register after reset.
    public var ioapicID: UInt8 = 0
    /// The number of its pins, 16...240.
    public var ioapicPins: UInt8 = 24
    /// The enhanced configuration window of segment 0, 1 MiB per bus from bus 0 on; nil if there is only CF8.
    public var ecam: Range<UInt64>?
    /// The windows for BARs: each is wholly below or wholly above 4 GiB.
    public var memoryWindows: [AddressRange]
    /// The wiring of INTx pins.
    public var interruptRoutes: [InterruptRoute]
    /// Configuration mechanism 1: the first of eight ports.
    public var configurationPort: UInt16
    /// 16550s: eight ports each.
    public var serialPorts: [ISADevice]
    public var powerManagement: PowerManagement
    /// An MC146818, two ports, with the century in byte 0x32; nil for none.
    public var clock: ISADevice?
    /// True for a keyboard controller that answers commands. One that only resets does not count: kernels would probe
    /// it and complain.
    public var hasKeyboardController = false
    /// Bytes of RAM; 0: the tables don't give it.
    public var memorySize: UInt64 = 0
    /// pvpanic's port, nil for none.
    public var panicPort: UInt16?

    /// Describes a machine; properties not named here have a PC's values and can be set afterwards.
    public init(
        apicIDs: [UInt32], ecam: Range<UInt64>?, memoryWindows: [AddressRange], interruptRoutes: [InterruptRoute],
        configurationPort: UInt16, serialPorts: [ISADevice], powerManagement: PowerManagement
    ) {
        self.apicIDs = apicIDs
        self.ecam = ecam
        self.memoryWindows = memoryWindows
        self.interruptRoutes = interruptRoutes
        self.configurationPort = configurationPort
        self.serialPorts = serialPorts
        self.powerManagement = powerManagement
    }

    /// The highest bus number that can be reached.
    var lastBus: UInt8 {
        guard let ecam else { return 0xff }
        return UInt8(clamping: (ecam.upperBound - ecam.lowerBound) >> 20 - 1)
    }

    /// Checks that the tables can express all fields.
    func check() throws(FirmwareTablesError) {
        guard !apicIDs.isEmpty else { throw .badField("apicIDs", reason: "there must be a processor") }
        guard zip(apicIDs, apicIDs.dropFirst()).allSatisfy({ $0 < $1 }), apicIDs.last != .max else {
            throw .badField("apicIDs", reason: "they must rise, and 0xffffffff is no processor's")
        }
        guard let bootstrap = apicIDs.first, bootstrap < MADT.firstX2APICID else {
            throw .badField("apicIDs", reason: "the bootstrap processor's must be below 255")
        }
        guard (16...240).contains(ioapicPins) else {
            throw .badField("ioapicPins", reason: "\(ioapicPins) is not within 16...240")
        }
        if let ecam {
            let size = ecam.upperBound - ecam.lowerBound
            guard ecam.lowerBound % (1 << 20) == 0, size % (1 << 20) == 0, (1...256).contains(size >> 20) else {
                throw .badField("ecam", reason: "it must be 1 to 256 whole MiB, aligned to 1 MiB")
            }
        }
        for window in memoryWindows where window.isEmpty || window.start < Self.fourGiB && window.end > Self.fourGiB {
            throw .badField("memoryWindows", reason: "\(window) is empty or lies on both sides of 4 GiB")
        }
        for route in interruptRoutes {
            guard (0...31).contains(route.slot), (1...4).contains(route.pin), route.gsi < ioapicPins else {
                throw .badField(
                    "interruptRoutes", reason: "slot \(route.slot), pin \(route.pin), GSI \(route.gsi) can't be")
            }
        }
        guard interruptRoutes.count <= 32 * 4 else {
            throw .badField("interruptRoutes", reason: "there are more than pins")
        }
        for serial in serialPorts where serial.irq > 15 || serial.port > 0xfff8 {
            throw .badField(
                "serialPorts", reason: "port \(UInt64(serial.port).hexadecimal), IRQ \(serial.irq) can't be")
        }
        guard serialPorts.count <= 9 else { throw .badField("serialPorts", reason: "there are more than nine") }
        if let clock, clock.irq > 15 || clock.port > 0xfffe {
            throw .badField("clock", reason: "port \(UInt64(clock.port).hexadecimal), IRQ \(clock.irq) can't be")
        }
        // The windows end before and start after it: bridges forward both sides.
        guard (1...0xfff7).contains(configurationPort) else {
            throw .badField("configurationPort", reason: "\(UInt64(configurationPort).hexadecimal) can't be")
        }
        guard powerManagement.sleepTypeS5 <= 7 else { throw .badField("sleepTypeS5", reason: "it has three bits") }
        // GSI 0 belongs to the PIT, GSI 2 to the second PIC.
        guard powerManagement.interrupt < 16, ![0, 2].contains(powerManagement.interrupt) else {
            throw .badField("powerManagement.interrupt", reason: "it must be an ISA interrupt, 1 or 3...15")
        }
        guard powerManagement.eventPort <= 0xfffc, powerManagement.controlPort <= 0xfffe,
            powerManagement.timerPort <= 0xfffc
        else {
            throw .badField("powerManagement", reason: "its registers must lie within 64 KiB of ports")
        }
    }

    private static let fourGiB = MemoryMap.fourGiB
}
