import Boot
import Bytes
import Testing

@Suite("ACPI tables")
struct ACPITableTests {
    private func guest(_ board: Board) throws -> GuestTables { try GuestTables(FirmwareTables(describing: board)) }

    @Test("are found by scanning and by address, each with valid length, checksum and OEM id")
    func found() throws {
        let tables = try FirmwareTables(describing: .sample())
        let guest = try GuestTables(tables)
        #expect(try guest.scan("RSD PTR ", from: 0xe0000) == tables.rsdpAddress)
        #expect(FirmwareTables.acpiArea.contains(tables.rsdpAddress))
        let list = try guest.tables()
        #expect(list.map(\.signature) == ["FACP", "APIC", "MCFG"])
        #expect(list.map(\.revision) == [6, 5, 1])
        for table in list + [try guest.table(at: UInt64(try guest.table("FACP").uint32(at: 40)))] {
            #expect(String(decoding: table.bytes[10..<24], as: UTF8.self) == "SWFTLTSWIFTLET")
            #expect(String(decoding: table.bytes[28..<32], as: UTF8.self) == "SWFT")
            #expect(table.address % 16 == 0)
            #expect(FirmwareTables.acpiArea.contains(table.address))
        }
    }

    @Test("have room for 1 to 1024 processors", arguments: [1, 2, 8, 254, 255, 256, 288, 1024])
    func processors(count: Int) throws {
        let guest = try guest(.sample(processors: count))
        let entries = try guest.table("APIC").entries(from: 44)
        let local = entries.filter { $0[0] == 0 }
        let x2 = entries.filter { $0[0] == 9 }
        #expect(local.count == min(count, 255))
        #expect(local.map { UInt32($0[3]) } + x2.map { $0.uint32(at: 4) } == Array(0..<UInt32(count)))
        #expect(local.map { UInt32($0[2]) } + x2.map { $0.uint32(at: 12) } == Array(0..<UInt32(count)))
        #expect(local.allSatisfy { $0.count == 8 && $0.uint32(at: 4) == 1 })
        #expect(x2.allSatisfy { $0.count == 16 && $0.uint32(at: 8) == 1 })
        // LINT1 is the NMI of all processors, in both kinds of entries where there are both.
        #expect(entries.filter { $0[0] == 4 } == [[4, 6, 0xff, 0, 0, 1]])
        #expect(
            entries.filter { $0[0] == 10 } == (count > 255 ? [[10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]] : []))
        // Each has its device in the DSDT.
        let dsdt = try guest.table(at: UInt64(try guest.table("FACP").uint32(at: 40)))
        let identity = Array("ACPI0007".utf8)
        #expect(dsdt.bytes.indices.filter { dsdt.bytes[$0...].starts(with: identity) }.count == count)
    }

    @Test("are refused for more processors than fit, with the number in the error")
    func tooManyProcessors() {
        #expect(throws: Never.self) { try FirmwareTables(describing: .sample(processors: 1024)) }
        #expect { try FirmwareTables(describing: .sample(processors: 2000)) } throws: {
            "\($0)".hasPrefix("the ACPI tables for 2000 processors are ")
                && "\($0)".hasSuffix("the BIOS area: give fewer --cpus")
        }
    }

    @Test("MADT: interrupt controllers, the PIT at pin 2, the SCI level-triggered")
    func madt() throws {
        let madt = try guest(.sample()).table("APIC")
        #expect(madt.uint32(at: 36) == 0xfee0_0000)
        #expect(madt.uint32(at: 40) == 1)
        let entries = try madt.entries(from: 44)
        #expect(entries.filter { $0[0] == 1 } == [[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]])
        #expect(
            entries.filter { $0[0] == 2 } == [[2, 10, 0, 0, 2, 0, 0, 0, 0, 0], [2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0]])
        let other = try guest(.full).table("APIC").entries(from: 44)
        #expect(other.filter { $0[0] == 1 }.map { $0[2] } == [5])
        #expect(other.filter { $0[0] == 2 }.map { $0[3] } == [0, 10])
    }

    @Test("FADT: the power management registers, without absent ones")
    func fadt() throws {
        let fadt = try guest(.sample()).table("FACP")
        #expect(fadt.bytes.count == 276)
        #expect(fadt.bytes[131] == 0)
        #expect(fadt.uint64(at: 140) == UInt64(fadt.uint32(at: 40)))
        #expect(fadt.uint64(at: 132) == 0)
        #expect(fadt.uint16(at: 46) == 9)
        // SMI_CMD, ACPI_ENABLE, ACPI_DISABLE: ACPI mode is always on.
        #expect(fadt.uint64(at: 48) == 0)
        #expect([fadt.uint32(at: 56), fadt.uint32(at: 64), fadt.uint32(at: 76)] == [0x600, 0x604, 0x608])
        for absent in [60..<64, 68..<76, 80..<88] { #expect(fadt.bytes[absent].allSatisfy { $0 == 0 }) }
        #expect(Array(fadt.bytes[88..<96]) == [4, 2, 0, 4, 0, 0, 0, 0])
        // C2 takes more than 100 us, C3 more than 1000: neither is there.
        #expect(fadt.uint16(at: 96) > 100)
        #expect(fadt.uint16(at: 98) > 1000)
        // WBINVD, C1, no power and sleep button, no RTC alarm, 32-bit timer, reset register, headless.
        #expect(fadt.uint32(at: 112) == 0b1_0101_0111_0101)
        #expect(Array(fadt.bytes[116..<129]) == [1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0, 6])
        #expect(Array(fadt.bytes[148..<160]) == [1, 32, 0, 2, 0, 6, 0, 0, 0, 0, 0, 0])
        #expect(Array(fadt.bytes[172..<184]) == [1, 16, 0, 2, 4, 6, 0, 0, 0, 0, 0, 0])
        #expect(Array(fadt.bytes[208..<220]) == [1, 32, 0, 3, 8, 6, 0, 0, 0, 0, 0, 0])
        for absent in [160..<172, 184..<208, 220..<268] { #expect(fadt.bytes[absent].allSatisfy { $0 == 0 }) }
    }

    @Test("FADT: flags follow the board's optional devices")
    func bootFlags() throws {
        // Legacy devices, no VGA, no ASPM.
        let always: UInt16 = 1 << 0 | 1 << 2 | 1 << 4
        let plain = try guest(.sample()).table("FACP")
        #expect(plain.uint16(at: 109) == always | 1 << 5)
        #expect(plain.bytes[108] == 0)
        let full = try guest(.full).table("FACP")
        #expect(full.uint16(at: 109) == always | 1 << 1)
        #expect(full.bytes[108] == 0x32)
        #expect([full.uint32(at: 56), full.uint32(at: 64), full.uint32(at: 76)] == [0xb000, 0xb004, 0xb008])
        #expect(full.uint16(at: 46) == 10)
        #expect(full.uint64(at: 120) == 0x64)
        #expect(full.bytes[128] == 0xfe)
    }

    @Test("FACS: 64 bytes on a 64-byte boundary with a free lock")
    func facs() throws {
        let guest = try guest(.sample())
        let address = UInt64(try guest.table("FACP").uint32(at: 36))
        let facs = try guest.bytes(at: address, count: 64)
        #expect(address % 64 == 0)
        #expect(Array(facs[..<8]) == Array("FACS".utf8) + [64, 0, 0, 0])
        #expect(facs[32] == 2)
        for absent in [8..<32, 33..<64] { #expect(facs[absent].allSatisfy { $0 == 0 }) }
    }

    @Test("MCFG: the configuration window, or no such table")
    func mcfg() throws {
        let mcfg = try guest(.sample()).table("MCFG")
        #expect(mcfg.bytes.count == 60)
        #expect(mcfg.uint64(at: 44) == 0xe000_0000)
        #expect(Array(mcfg.bytes[52..<60]) == [0, 0, 0, 255, 0, 0, 0, 0])
        var board = Board.sample()
        board.ecam = 0xe000_0000..<0xe040_0000
        #expect(try guest(board).table("MCFG").bytes[55] == 3)
        board.ecam = nil
        #expect(try guest(board).tables().map(\.signature) == ["FACP", "APIC"])
    }

    @Test("a board that can't be described is refused by the field's name")
    func badBoards() {
        func sentence(_ change: (inout Board) -> Void) -> String {
            var board = Board.sample()
            change(&board)
            do throws(FirmwareTablesError) {
                _ = try FirmwareTables(describing: board)
                return "no error"
            } catch {
                return error.description.replacing("the machine can't be described to the guest: ", with: "")
            }
        }
        #expect(sentence { _ in } == "no error")
        #expect(sentence { $0.apicIDs = [] } == "apicIDs: there must be a processor")
        #expect(sentence { $0.apicIDs = [0, 2, 2] } == "apicIDs: they must rise, and 0xffffffff is no processor's")
        #expect(sentence { $0.apicIDs = [0, .max] } == "apicIDs: they must rise, and 0xffffffff is no processor's")
        #expect(sentence { $0.apicIDs = [255] } == "apicIDs: the bootstrap processor's must be below 255")
        #expect(sentence { $0.ioapicPins = 15 } == "ioapicPins: 15 is not within 16...240")
        for window in [
            0xe000_0000..<0xe000_0000, 0xe008_0000..<0xe018_0000, 0xe000_0000..<0xe018_0000, 0x1000_0000..<0x2010_0000,
        ] as [Range<UInt64>] {
            #expect(sentence { $0.ecam = window } == "ecam: it must be 1 to 256 whole MiB, aligned to 1 MiB")
        }
        #expect(
            sentence { $0.memoryWindows = [AddressRange(5..<5)] }
                == "memoryWindows: 0x5 (empty) is empty or lies on both sides of 4 GiB")
        #expect(
            sentence { $0.memoryWindows = [AddressRange(0xf000_0000..<0x1_1000_0000)] }.contains(
                "0xf0000000-0x10fffffff is empty or lies on both"))
        for route in [(32, 1, 16), (-1, 1, 16), (1, 0, 16), (1, 5, 16), (1, 1, 24)] as [(Int, Int, UInt32)] {
            let sentence = sentence {
                $0.interruptRoutes = [Board.InterruptRoute(slot: route.0, pin: route.1, gsi: route.2)]
            }
            #expect(sentence == "interruptRoutes: slot \(route.0), pin \(route.1), GSI \(route.2) can't be")
        }
        #expect(
            sentence { $0.interruptRoutes += Array(repeating: $0.interruptRoutes[0], count: 5) }.contains(
                "there are more than pins"))
        #expect(
            sentence { $0.serialPorts = [Board.ISADevice(port: 0x3f8, irq: 16)] }
                == "serialPorts: port 0x3f8, IRQ 16 can't be")
        #expect(
            sentence { $0.serialPorts = [Board.ISADevice(port: 0xfff9, irq: 4)] }
                == "serialPorts: port 0xfff9, IRQ 4 can't be")
        #expect(sentence { $0.clock = Board.ISADevice(port: 0x70, irq: 16) } == "clock: port 0x70, IRQ 16 can't be")
        #expect(sentence { $0.clock = Board.ISADevice(port: 0xffff, irq: 8) } == "clock: port 0xffff, IRQ 8 can't be")
        for port in [0, 0xfff8] as [UInt16] {
            #expect(sentence { $0.configurationPort = port }.hasSuffix(" can't be"), "\(port)")
        }
        #expect(
            sentence { $0.serialPorts = Array(repeating: $0.serialPorts[0], count: 10) }.contains(
                "there are more than nine"))
        #expect(sentence { $0.powerManagement.sleepTypeS5 = 8 } == "sleepTypeS5: it has three bits")
        for interrupt in [0, 2, 16] as [UInt8] {
            #expect(
                sentence { $0.powerManagement.interrupt = interrupt }.contains(
                    "it must be an ISA interrupt, 1 or 3...15"))
        }
        #expect(sentence { $0.powerManagement.eventPort = 0xfffd }.contains("powerManagement: its registers must lie"))
        #expect(
            sentence { $0.powerManagement.controlPort = 0xffff }.contains("powerManagement: its registers must lie"))
        #expect(sentence { $0.powerManagement.timerPort = 0xfffd }.contains("powerManagement: its registers must lie"))
    }
}
