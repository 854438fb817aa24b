import Bytes

/// The differentiated system description table: the devices that can't be found by probing buses. ACPI 6.5, section
/// 5.2.11.1.
struct DSDT: Equatable, Sendable {
    let board: Board

    var table: ACPITable {
        let devices = processors + [pciRoot, motherboard] + serialPorts + clock + panicDevice
        let terms = [AML.scope("_SB", devices), AML.name("_S5", softOff)]
        // From revision 2 on, integers have 64 bits.
        return ACPITable(signature: "DSDT", revision: 2, body: terms.flatMap(\.bytes))
    }

    /// The sleep types of PM1a and PM1b control, and two reserved values. Section 7.4.2.6.
    private var softOff: AML {
        let type = AML.integer(UInt64(board.powerManagement.sleepTypeS5))
        return .package([type, type, .integer(0), .integer(0)])
    }

    /// A device per processor, with the MADT's UID. Section 8.4.
    private var processors: [AML] {
        let identity = AML.name("_HID", .string("ACPI0007"))
        return board.apicIDs.indices.map { uid in
            .device(Self.processorName(uid), [identity, .name("_UID", .integer(UInt64(uid)))])
        }
    }

    /// Returns C and three hexadecimal digits.
    private static func processorName(_ uid: Int) -> String {
        let digits = String(uid, radix: 16, uppercase: true)
        return "C" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }

    // MARK: PCI

    /// The root of the PCI bus. PCI Firmware Specification 3.3, chapter 4.
    private var pciRoot: AML {
        .device(
            "PCI0",
            [
                .name("_HID", .eisaID("PNP0A08")),
                .name("_CID", .eisaID("PNP0A03")),
                .name("_UID", .integer(0)),
                .name("_SEG", .integer(0)),
                .name("_BBN", .integer(0)),
                .name("_CRS", AMLResource.template(windows)),
            ] + routing + [operatingSystemCapabilities])
    }

    /// The resources that the root forwards to the bus, and the configuration ports, which it uses itself.
    private var windows: [AMLResource] {
        let buses = AMLResource.busWindow(0...board.lastBus)
        let own = board.configurationPort
        let ports = [AMLResource.ports(own, count: 8), .portWindow(0...own - 1), .portWindow(own + 8...0xffff)]
        return [buses] + ports + board.memoryWindows.map { .memoryWindow($0.start..<$0.end) }
    }

    /// `_PRT`: slot, pin, and the GSI it is wired to, without link devices. ACPI 6.5, section 6.2.13.
    private var routing: [AML] {
        guard !board.interruptRoutes.isEmpty else { return [] }
        // Written directly: with over a hundred packages, an array for each number would take a tenth of a start.
        var routes = ByteWriter(capacity: 16 * board.interruptRoutes.count)
        for route in board.interruptRoutes {
            var fields = ByteWriter(capacity: 16)
            fields.append(integer: UInt64(route.slot) << 16 | 0xffff)
            fields.append(integer: UInt64(route.pin - 1))
            fields.append(integer: 0)
            fields.append(integer: UInt64(route.gsi))
            routes.append(contentsOf: AML.package(count: 4, fields.bytes).bytes)
        }
        return [.name("_PRT", .package(count: board.interruptRoutes.count, routes.bytes))]
    }

    /// The features that the system may control: PME (bit 2), AER (3) and the PCI Express capability (4). There are no
    /// hotplug slots. PCI Firmware Specification 3.3, section 4.5.1.
    private static let grantedControl: UInt64 = 0b11100

    /// `_OSC`: the system passes its capabilities, and gets those it may use. ACPI 6.5, section 6.2.11.
    private var operatingSystemCapabilities: AML {
        let (status, control) = (AML.path("CDW1"), AML.path("CDW3"))
        let uuid = AML.uuid(0x33db_4d5b, 0x1ff7, 0x401c, [0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66])
        return .serializedMethod(
            "_OSC", arguments: 4,
            [
                .createDWordField(.argument(3), at: 0, name: "CDW1"),
                .if(
                    .equal(.argument(0), uuid),
                    [
                        .createDWordField(.argument(3), at: 8, name: "CDW3"),
                        .and(control, .integer(Self.grantedControl), in: .local(0)),
                        // Bit 3: the revision is unknown; bit 4: not all capabilities are granted.
                        .if(.not(.equal(.argument(1), .integer(1))), [.or(status, .integer(1 << 3), in: status)]),
                        .if(.not(.equal(control, .local(0))), [.or(status, .integer(1 << 4), in: status)]),
                        .store(.local(0), in: control),
                    ],
                    // Bit 2: the UUID is unknown.
                    else: [.or(status, .integer(1 << 2), in: status)]),
                .return(.argument(3)),
            ])
    }

    // MARK: The board

    /// The resources reserved for the motherboard: the configuration window, which systems use only if they find it
    /// here, and ACPI's own ports.
    private var motherboard: AML {
        let power = board.powerManagement
        var resources = [
            AMLResource.ports(power.eventPort, count: 4), .ports(power.controlPort, count: 2),
            .ports(power.timerPort, count: 4),
        ]
        if let ecam = board.ecam { resources.append(.memory(ecam)) }
        return .device(
            "MBRD",
            [
                .name("_HID", .eisaID("PNP0C02")), .name("_UID", .integer(0)),
                .name("_CRS", AMLResource.template(resources)),
            ])
    }

    private var serialPorts: [AML] {
        board.serialPorts.enumerated().map { number, serial in
            .device(
                "COM\(number + 1)",
                [
                    .name("_HID", .eisaID("PNP0501")),
                    .name("_UID", .integer(UInt64(number + 1))),
                    .name("_CRS", AMLResource.template([.ports(serial.port, count: 8), .irq(serial.irq)])),
                ])
        }
    }

    private var clock: [AML] {
        guard let clock = board.clock else { return [] }
        let resources = AMLResource.template([.ports(clock.port, count: 2), .irq(clock.irq)])
        return [.device("RTC", [.name("_HID", .eisaID("PNP0B00")), .name("_CRS", resources)])]
    }

    /// pvpanic under QEMU's name: docs/specs/pvpanic.
    private var panicDevice: [AML] {
        guard let port = board.panicPort else { return [] }
        return [
            .device(
                "PEVT",
                [.name("_HID", .string("QEMU0001")), .name("_CRS", AMLResource.template([.ports(port, count: 1)]))])
        ]
    }
}
