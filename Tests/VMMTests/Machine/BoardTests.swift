import Boot
import Bytes
import KVM
import TestSupport
import Testing
import X86

@testable import VMM

/// What the guest is told of the board, by its tables and fw_cfg, is what answers.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct BoardTests {
    /// The host bridge, as it answers at its configuration space's start.
    private static let bridge: UInt64 = 0x29C0_8086

    /// A board with all that guests are told of elsewhere.
    private static var moved: BoardMap {
        var map = BoardMap()
        map.serial.move(to: 0x2E8)
        map.serialGSI = 3
        map.clock.move(to: 0x72)
        map.clockGSI = 10
        map.panic.move(to: 0x507)
        map.powerEvents.move(to: 0xB00)
        map.powerControl.move(to: 0xB04)
        map.powerTimer.move(to: 0xB08)
        map.powerGSI = 11
        return map
    }

    private static func machine(_ map: BoardMap) throws -> Machine {
        var configuration = MachineConfiguration(memory: 32 << 20)
        configuration.boardMap = map
        let machine = try Machine(configuration, on: Hypervisor())
        try machine.load(BootConfiguration(kernel: TestKernel.built("hello.elf")))
        return machine
    }

    /// By the scratch register, which nothing else of a PC has.
    private static func isSerialPort(_ port: UInt64, _ bus: Bus) -> Bool {
        [0x5A, 0xA5].allSatisfy { bus.write(port + 7, $0, width: 1) && bus.read(port + 7, width: 1) == $0 }
    }

    @Test(arguments: [BoardMap(), moved]) func theDevicesOfTheDSDTAnswer(map: BoardMap) throws {
        let machine = try Self.machine(map)
        let told = try ToldBoard(machine.memory)
        #expect(told.ports(of: "COM1") == map.serial.ports)
        #expect(told.ports(of: "RTC_") == map.clock.ports)
        #expect(told.ports(of: "PEVT") == map.panic.ports)
        #expect(told.ports(of: "PCI0") == ConfigPorts.entry.ports)
        #expect(told.ports(of: "MBRD") == [map.powerEvents, map.powerControl, map.powerTimer].flatMap(\.ports))
        // Each is a whole claim, and so nobody else's in part.
        let claims = machine.ports.claims.map(\.range)
        for (device, resources) in told.devices {
            for case .ports(let range) in resources {
                #expect(claims.contains(AddressRange(range)), "\(device): \(range)")
            }
        }
        let com = try #require(told.ports(of: "COM1").first).lowerBound
        #expect(Self.isSerialPort(com, machine.ports))
        let clock = try #require(told.ports(of: "RTC_").first).lowerBound
        // Register D: time and memory are valid.
        #expect(machine.ports.write(clock, 0x0D, width: 1))
        #expect(machine.ports.read(clock + 1, width: 1) == 0x80)
        #expect(try machine.ports.read(#require(told.ports(of: "PEVT").first).lowerBound, width: 1) == 1)
        let configuration = try #require(told.ports(of: "PCI0").first).lowerBound
        #expect(machine.ports.write(configuration, 0x8000_0000, width: 4))
        #expect(machine.ports.read(configuration + 4, width: 4) == Self.bridge)
        let windows = try #require(told.devices["MBRD"]).compactMap {
            if case .memory(let range) = $0 { range } else { nil }
        }
        #expect(windows == [PhysicalLayout.populatedECAM])
        #expect(told.number("MCFG", at: 44, count: 8) == windows.first?.lowerBound)
        for window in windows { #expect(machine.mmio.read(window.lowerBound, width: 4) == Self.bridge) }
    }

    @Test(arguments: [BoardMap(), moved]) func theRegistersOfTheFADTAnswer(map: BoardMap) throws {
        let machine = try Self.machine(map)
        let (ports, told) = (machine.ports, try ToldBoard(machine.memory))
        // The addresses of 32 bits, and again as generic addresses.
        let (events, control, timer) = (
            told.number("FACP", at: 56, count: 4), told.number("FACP", at: 64, count: 4),
            told.number("FACP", at: 76, count: 4)
        )
        #expect([152, 176, 212].map { told.number("FACP", at: $0, count: 8) } == [events, control, timer])
        #expect(
            [events, control, timer] == [map.powerEvents, map.powerControl, map.powerTimer].map { UInt64($0.port) })
        #expect(ports.write(events + 2, 0x0521, width: 2))
        #expect(ports.read(events, width: 4) == 0x0521_0000)
        #expect(ports.read(control, width: 2) == 1, "ACPI mode is on")
        let first = ports.read(timer, width: 4)
        // A tick is 0.28 us.
        #expect(first != nil)
        #expect((0..<100_000).contains { _ in ports.read(timer, width: 4) != first })
        let (reset, value) = (told.number("FACP", at: 120, count: 8), told.number("FACP", at: 128, count: 1))
        #expect(ports.write(reset, value, width: 1))
        #expect(machine.runState.outcome == .reset("reset control port 0xCF9"))
        let other = try Self.machine(map)
        #expect(other.ports.write(control, 1 << 13, width: 2))
        #expect(other.runState.outcome == .powerOff)
    }

    @Test(arguments: [BoardMap(), moved]) func interruptsComeWhereTheTablesSay(map: BoardMap) throws {
        let machine = try Self.machine(map)
        let told = try ToldBoard(machine.memory)
        func irqs(_ device: String) -> [UInt32] {
            (told.devices[device] ?? []).compactMap { if case .irq(let irq) = $0 { irq } else { nil } }
        }
        #expect(irqs("COM1") == [map.serialGSI])
        #expect(irqs("RTC_") == [map.clockGSI])
        #expect(told.number("FACP", at: 46, count: 2) == UInt64(map.powerGSI))
        let sci = [2, 10, 0, UInt8(map.powerGSI), UInt8(map.powerGSI), 0, 0, 0, 0x0D, 0]
        let madt = try #require(told.tables["APIC"])
        #expect(madt.indices.contains { madt[$0...].starts(with: sci) })
        // The transmitter is empty, which the port says by its interrupt; nobody has unmasked the pin, so it stays
        // requested.
        let com = try #require(told.ports(of: "COM1").first).lowerBound
        #expect(machine.ports.write(com + 4, 8, width: 1))
        #expect(machine.ports.write(com + 1, 2, width: 1))
        let state = try machine.vm.ioapic()
        let requested = try #require(IOAPIC(state: state)).pins.filter(\.isRequested).map { UInt32($0.number) }
        // The MP table: the pin of ISA's (bus 1) interrupt.
        let pins = told.multiprocessor.filter { $0[0] == 3 && $0[4] == 1 && $0[5] == UInt8(map.serialGSI) }.map {
            UInt32($0[7])
        }
        #expect(requested == [map.serialGSI])
        #expect(pins == requested)
        // KVM's own place of the IOAPIC.
        let ioapics = told.multiprocessor.filter { $0[0] == 2 }.map { $0.number(4, 4) }
        #expect(ioapics == [state.number(0, 8)])
        #expect(madt.indices.contains { madt[$0...].starts(with: [1, 12, 0, 0] + state[..<4]) })
        #expect(told.number("APIC", at: 36, count: 4) == UInt64(told.localAPICs))
        #expect(told.localAPICs == 0xFEE0_0000)
        // INTx: the table's pins are those that lines are made of.
        let lines = told.multiprocessor.filter { $0[0] == 3 && $0[4] == 0 }
        #expect(lines.count == 124)
        for line in lines {
            #expect(UInt32(line[7]) == PhysicalLayout.intxGSI(slot: Int(line[5] >> 2), pin: Int(line[5] & 3) + 1))
        }
    }

    @Test(arguments: [BoardMap(), moved]) func theSerialPortThatFirmwareIsToldAnswers(map: BoardMap) throws {
        let directory = try TemporaryDirectory()
        var configuration = MachineConfiguration(memory: 16 << 20, hasFirmware: true)
        configuration.boardMap = map
        let machine = try Machine(configuration, on: Hypervisor())
        try machine.loadFirmware(directory.file("firmware.rom", [UInt8](repeating: 0xF4, count: 64 << 10)))
        let ports = machine.ports
        /// An item, as QEMU's docs/specs/fw_cfg.rst says.
        func item(_ key: UInt64, _ count: Int) -> [UInt8] {
            #expect(ports.write(0x510, key, width: 2))
            return (0..<count).map { _ in UInt8(truncatingIfNeeded: ports.read(0x511, width: 1) ?? 0) }
        }
        let count = Int(Array(item(0x19, 4).reversed()).number(0, 4))
        let directoryItem = item(0x19, 4 + 64 * count)
        let name = Array("etc/sercon-port\0".utf8)
        let place = try #require(
            (0..<count).map { 4 + 64 * $0 }.first { directoryItem[($0 + 8)...].starts(with: name) })
        let size = Int(Array(directoryItem[place..<place + 4].reversed()).number(0, 4))
        let port = item(Array(directoryItem[place + 4..<place + 6].reversed()).number(0, 2), size).number(0, size)
        #expect(port == UInt64(map.serial.port))
        #expect(Self.isSerialPort(port, ports))
    }
}

/// The one list of ports, the machine's claims, and what the documentation says.
struct BoardMapTests {
    private static func claims(_ entries: [BoardEntry]) -> Set<String> {
        Set(
            entries.flatMap { entry in
                entry.ports.map { Bus.Claim(owner: entry.name, range: AddressRange($0)).description }
            })
    }

    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func itListsWhatMachinesClaim() throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 510) + [0x55, 0xAA])
        var seen: Set<String> = []
        for hasTestDevice in [true, false] {
            var configuration = MachineConfiguration(
                memory: 16 << 20, hasTestDevice: hasTestDevice, showsDebugConsole: true)
            configuration.showsPortE9 = !hasTestDevice
            let machine = try Machine(configuration, on: Hypervisor())
            try machine.load(BootConfiguration(kernel: disk))
            seen.formUnion(machine.ports.claims.map(\.description))
        }
        #expect(seen == Self.claims(BoardMap().entries + [ExitPort.entry(at: BoardMap.exitPort)]))
    }

    @Test func portsBelongToWhoAnswersThere() {
        let map = BoardMap()
        for entry in map.entries {
            for port in entry.ports.joined() where port < PhysicalLayout.guestPortWindow.lowerBound {
                #expect(map.owner(of: UInt16(port))?.contains(entry.name) == true, "\(port)")
            }
        }
        #expect(map.owner(of: 0xE9) == "the test device and --debug-console e9")
        #expect(map.owner(of: 0x61) == "the timer")
        for free in [0x62, 0xED, 0xF4, 0x501, 0xFFF] as [UInt16] { #expect(map.owner(of: free) == nil) }
    }

    /// Every row of docs/machine.md is of whole entries, and every entry has its row.
    @Test func theDocumentationListsTheSamePorts() throws {
        let text = String(decoding: try readFile("\(TestKernel.root)/docs/machine.md"), as: UTF8.self)
        let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("Ports\n") })
        let cells = section.split(separator: "\n").filter { $0.hasPrefix("| 0x") }.map { $0.split(separator: "|")[0] }
        let entries = BoardMap().entries + [ExitPort.entry(at: BoardMap.exitPort)]
        let window = PhysicalLayout.portWindow
        var documented: Set<UInt64> = []
        for cell in cells {
            var ports: Set<UInt64> = []
            for part in cell.split(separator: ",") {
                let ends = part.split(separator: " ").filter { $0 != "to" }.compactMap {
                    UInt64($0.dropFirst(2), radix: 16)
                }
                ports.formUnion(try #require(ends.first)...(try #require(ends.last)))
            }
            let owners = entries.filter { $0.ports.joined().allSatisfy(ports.contains) }
            let owned = ports == Set(window) ? ports : Set(owners.flatMap { $0.ports.joined() })
            #expect(ports == owned, "\(cell)")
            documented.formUnion(ports)
        }
        #expect(cells.count > 20)
        #expect(documented == Set(entries.flatMap { $0.ports.joined() }).union(window))
    }
}
