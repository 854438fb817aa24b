import Boot
import Foundation
import Testing

/// ACPICA's compiler, whose reader of tables is the one that Linux has.
private enum IASL {
    static let program = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map {
        "\($0)/iasl"
    }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Runs it in a directory and gives back what it wrote.
    static func run(_ arguments: [String], in directory: URL) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: program ?? "/usr/bin/iasl")
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }
}

// Without iasl this is skipped, which CI takes for a failure: the reason doesn't begin as that of a host's own
// shortcoming does.
@Suite(
    "ACPI tables by iasl", .enabled(if: IASL.program != nil, "iasl is not installed: make setup installs acpica-tools"))
struct IASLTests {
    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let board: Board
    }

    static let cases: [Case] = {
        var plain = Board.sample(processors: 1)
        plain.ecam = nil
        plain.memoryWindows = []
        plain.interruptRoutes = []
        plain.serialPorts = []
        plain.panicPort = nil
        return [
            Case(testDescription: "a usual board", board: .sample()), Case(testDescription: "the least", board: plain),
            Case(testDescription: "all there is", board: .full),
            Case(testDescription: "1024 processors", board: .sample(processors: 1024)),
        ]
    }()

    @Test("each table is disassembled without warnings and compiles back to the same bytes", arguments: cases)
    func roundTrip(of board: Case) throws {
        let tables = try FirmwareTables(describing: board.board)
        let guest = try GuestTables(tables)
        let fadt = try guest.table("FACP")
        var files = try guest.tables().map { ($0.signature, $0.bytes) }
        files.append(("DSDT", try guest.table(at: UInt64(fadt.uint32(at: 40))).bytes))
        files.append(("FACS", try guest.bytes(at: UInt64(fadt.uint32(at: 36)), count: 64)))
        let rsdp = try guest.bytes(at: tables.rsdpAddress, count: 36)
        files.append(("RSDT", try guest.table(at: UInt64(rsdp.uint32(at: 16))).bytes))
        files.append(("XSDT", try guest.table(at: rsdp.uint64(at: 24)).bytes))

        let directory = try makeDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, bytes) in files {
            try Data(bytes).write(to: directory.appending(path: "\(name).dat"))
            let disassembly = try IASL.run(["-d", "\(name).dat"], in: directory)
            #expect(disassembly.status == 0, "\(name): \(disassembly.output)")
            #expect(complaint(in: disassembly.output) == nil, "\(name): \(disassembly.output)")
            let source = try String(contentsOf: directory.appending(path: "\(name).dsl"), encoding: .utf8)
            #expect(complaint(in: source) == nil, "\(name): \(complaint(in: source) ?? "")")

            // -tc: with a listing of the bytes as C would have them, so that the whole source is gone through.
            let compilation = try IASL.run(
                (name == "DSDT" ? ["-tc"] : []) + ["-p", "again-\(name)", "\(name).dsl"], in: directory)
            #expect(compilation.status == 0)
            #expect(
                compilation.output.contains("Compilation successful. 0 Errors, 0 Warnings, 0 Remarks"),
                "\(name): \(compilation.output)")
            let again = Array(try Data(contentsOf: directory.appending(path: "again-\(name).aml")))
            #expect(signed(again) == signed(bytes), "\(name)")
        }
    }

    @Test("the DSDT lists the PCI root with windows and pins, the serial ports, soft off and the other devices")
    func devices() throws {
        let source = try disassembledDSDT(.full)
        for piece in [
            #"Device (C000) { Name (_HID, "ACPI0007") Name (_UID, Zero) } Device (C001)"#,
            #"Device (C12B) { Name (_HID, "ACPI0007") Name (_UID, 0x012B) }"#,
            #"Device (PCI0) { Name (_HID, EisaId ("PNP0A08")) Name (_CID, EisaId ("PNP0A03")) Name (_UID, Zero) Name (_SEG, Zero) Name (_BBN, Zero)"#,
            "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, 0x0000, 0x00FF, 0x0000, 0x0100,",
            "0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8, ,, , TypeStatic",
            "0x0000, 0x0D00, 0xFFFF, 0x0000, 0xF300, ,, , TypeStatic",
            "IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08,)", "0x00000000, 0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000,",
            """
            NonCacheable, ReadWrite, 0x0000000000000000, 0x000000C000000000, 0x000000FFFFFFFFFF, \
            0x0000000000000000, 0x0000004000000000,
            """,
            """
            Name (_PRT, Package (0x7C) { Package (0x04) { 0x0001FFFF, Zero, Zero, 0x11 }, Package (0x04) { \
            0x0001FFFF, One, Zero, 0x12 }
            """,
            "Package (0x04) { 0x001FFFFF, 0x03, Zero, 0x12 } })",
            #"If ((Arg0 == ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))) { CreateDWordField (Arg3, 0x08, CDW3) Local0 = (CDW3 & 0x1C)"#,
            """
            IO (Decode16, 0xB000, 0xB000, 0x01, 0x04,) IO (Decode16, 0xB004, 0xB004, 0x01, 0x02,) IO (Decode16, \
            0xB008, 0xB008, 0x01, 0x04,)
            """,
            "Memory32Fixed (ReadWrite, 0xE0000000, 0x10000000,)",
            #"Device (COM1) { Name (_HID, EisaId ("PNP0501")) Name (_UID, One) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08,) IRQNoFlags () {4} })"#,
            #"Device (COM2) { Name (_HID, EisaId ("PNP0501")) Name (_UID, 0x02) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x02F8, 0x02F8, 0x01, 0x08,) IRQNoFlags () {3} })"#,
            #"Device (RTC) { Name (_HID, EisaId ("PNP0B00")) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0070, 0x0070, 0x01, 0x02,) IRQNoFlags () {8} })"#,
            #"Device (PEVT) { Name (_HID, "QEMU0001") Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0505, 0x0505, 0x01, 0x01,) })"#,
            "Name (_S5, Package (0x04) { 0x05, 0x05, Zero, Zero })",
        ] {
            #expect(source.contains(piece), "\(piece)")
        }
        let least = try disassembledDSDT(Self.cases[1].board)
        for absent in ["_PRT", "COM1", "RTC", "PEVT", "Memory32Fixed", "DWordMemory"] {
            #expect(!least.contains(absent))
        }
    }

    /// The disassembled DSDT, without comments, its white space made even.
    private func disassembledDSDT(_ board: Board) throws -> String {
        let guest = try GuestTables(FirmwareTables(describing: board))
        let directory = try makeDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let table = try guest.table(at: UInt64(try guest.table("FACP").uint32(at: 40)))
        try Data(table.bytes).write(to: directory.appending(path: "DSDT.dat"))
        _ = try IASL.run(["-d", "DSDT.dat"], in: directory)
        return try String(contentsOf: directory.appending(path: "DSDT.dsl"), encoding: .utf8)
            .replacing(/\/\*.*?\*\/|\/\/[^\n]*/.dotMatchesNewlines(), with: "").split(whereSeparator: \.isWhitespace)
            .joined(separator: " ")
            .replacing(" )", with: ")")
    }

    private func makeDirectory() throws -> URL {
        let directory = FileManager.default.temporaryDirectory.appending(path: "swiftlet-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    /// A line that speaks of something wrong. The disassembler says so in its output or in comments.
    private func complaint(in text: String) -> String? {
        text.split(separator: "\n").map(String.init).first {
            let line = $0.lowercased()
            return ["error", "warning", "invalid", "unknown", "incorrect", "should be", "exceeds", "not contain"]
                .contains { line.contains($0) }
        }
    }

    /// The bytes without checksum and maker of the table, where the compiler signs with its own name.
    private func signed(_ table: [UInt8]) -> [UInt8] {
        guard !table.starts(with: Array("FACS".utf8)) else { return table }
        return Array(table[..<9] + table[10..<28] + table[36...])
    }
}
