/// All tables that firmware would leave in a PC's memory, for kernels booted without firmware: ACPI's, the MP table,
/// SMBIOS.
///
/// They are in the BIOS area, which ``MemoryMap/legacyHole`` keeps out of the guest's RAM: the ACPI tables from
/// 0xe0000, the RSDP first; the MP table from 0xf0000, its floating pointer first; SMBIOS from 0xf4000, its entry point
/// first. A kernel that gets no address finds each by scanning, as on a PC.
public struct FirmwareTables: Equatable, Sendable {
    /// The area of the ACPI tables.
    public static let acpiArea: Range<UInt64> = 0xe0000..<0xf0000
    /// The area of the MP table.
    public static let multiprocessorArea: Range<UInt64> = 0xf0000..<0xf4000
    /// The area of SMBIOS. The rest up to ``BootROM/area`` is free.
    public static let managementArea: Range<UInt64> = 0xf4000..<0xf5000

    /// The tables, as bytes and their addresses, ascending.
    public let pieces: [LoadPlan.Blob]

    /// The RSDP's guest physical address, for boot protocols that pass it on.
    public let rsdpAddress: UInt64

    /// Builds the tables.
    /// - Parameter board: The machine they describe.
    /// - Throws: ``FirmwareTablesError`` if a field can't be expressed, or if there are too many processors; 1024 fit.
    public init(describing board: Board) throws(FirmwareTablesError) {
        try board.check()
        var acpi = Area(Self.acpiArea)
        let rsdpAddress = acpi.reserve(RSDP.size)
        let facs = acpi.place(FACS.bytes, name: "the FACS", alignment: UInt32(FACS.alignment))
        let dsdt = acpi.place(DSDT(board: board).table.bytes, name: "the DSDT")
        var tables = [
            acpi.place(FADT(board: board, facsAddress: facs, dsdtAddress: dsdt).table.bytes, name: "the FADT"),
            acpi.place(MADT(board: board).table.bytes, name: "the MADT"),
        ]
        if let ecam = board.ecam {
            tables.append(acpi.place(MCFG(ecam: ecam, lastBus: board.lastBus).table.bytes, name: "the MCFG"))
        }
        let rsdt = acpi.place(RootTable.rsdt(tables).bytes, name: "the RSDT")
        let xsdt = acpi.place(RootTable.xsdt(tables).bytes, name: "the XSDT")
        let rsdp = RSDP(rsdtAddress: rsdt, xsdtAddress: UInt64(xsdt))

        var multiprocessor = Area(Self.multiprocessorArea)
        let pointerAddress = multiprocessor.reserve(MPTable.pointerSize)
        let table = multiprocessor.place(MPTable(board: board).bytes, name: "the MP table")

        let smbios = SMBIOS(board: board)
        var management = Area(Self.managementArea)
        let entryPoint = management.reserve(SMBIOS.entryPointSize)
        let structures = management.place(smbios.bytes, name: "the SMBIOS structures")

        for (area, name) in [(acpi, "ACPI tables"), (multiprocessor, "MP tables"), (management, "SMBIOS structures")]
        where area.used > area.size {
            throw .noRoom(what: name, size: area.used, limit: area.size, processors: board.apicIDs.count)
        }
        self.rsdpAddress = UInt64(rsdpAddress)
        let rsdpPiece = LoadPlan.Blob(name: "the RSDP", guestAddress: UInt64(rsdpAddress), bytes: rsdp.bytes)
        let pointerPiece = LoadPlan.Blob(
            name: "the MP floating pointer", guestAddress: UInt64(pointerAddress), bytes: MPTable.pointer(to: table))
        let entryPiece = LoadPlan.Blob(
            name: "the SMBIOS entry point", guestAddress: UInt64(entryPoint), bytes: smbios.entryPoint(to: structures))
        pieces = [rsdpPiece] + acpi.pieces + [pointerPiece] + multiprocessor.pieces + [entryPiece] + management.pieces
    }

    /// A part of the BIOS area, filled from its start. It may overflow, which the caller checks at the end.
    private struct Area {
        let start: UInt32
        let size: Int
        private(set) var used = 0
        private(set) var pieces: [LoadPlan.Blob] = []

        /// A range below 4 GiB.
        init(_ range: Range<UInt64>) {
            start = UInt32(truncatingIfNeeded: range.lowerBound)
            size = Int(range.upperBound - range.lowerBound)
        }

        /// Reserves room on a 16-byte boundary, and returns its address.
        mutating func reserve(_ count: Int, alignment: UInt32 = 16) -> UInt32 {
            let mask = Int(alignment) - 1
            let offset = (used + mask) & ~mask
            used = offset + count
            return start + UInt32(truncatingIfNeeded: offset)
        }

        mutating func place(_ bytes: [UInt8], name: String, alignment: UInt32 = 16) -> UInt32 {
            let address = reserve(bytes.count, alignment: alignment)
            pieces.append(LoadPlan.Blob(name: name, guestAddress: UInt64(address), bytes: bytes))
            return address
        }
    }
}
