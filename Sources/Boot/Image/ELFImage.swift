import Bytes

/// The parts of an ELF file that loading requires: System V ABI, chapters 4 ("Object Files") and 5 ("Program Loading").
struct ELFImage: Sendable {
    /// A program header, its fields widened to 64 bits.
    struct ProgramHeader: Sendable {
        let index: Int
        let type: UInt32
        let fileOffset: UInt64
        let fileSize: UInt64
        let virtualAddress: UInt64
        let physicalAddress: UInt64
        let memorySize: UInt64
        let alignment: UInt64

        var name: String { "program header \(index)" }
    }

    /// A limit on program headers, above that of any kernel.
    static let maximumProgramHeaders: UInt16 = 256

    static let loadType: UInt32 = 1
    static let noteType: UInt32 = 4

    let is64Bit: Bool
    /// `e_entry`, a virtual address.
    let entry: UInt64
    let programHeaders: [ProgramHeader]

    /// Reads the headers; nil for a file that doesn't start like an ELF file.
    init?(_ image: some ImageSource) throws(BootError) {
        let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
        guard image.size >= 4, try image.structure("ELF magic number", at: 0, count: 4).holds(magic, at: 0) else {
            return nil
        }

        let identification = try image.structure("ELF identification", at: 0, count: 16)
        let fileClass = try identification.uint8(at: 4)
        guard fileClass == 1 || fileClass == 2 else {
            throw .badField(
                field: "ELF header: EI_CLASS", value: UInt64(fileClass), expected: "1 (32-bit) or 2 (64-bit)")
        }
        is64Bit = fileClass == 2
        let encoding = try identification.uint8(at: 5)
        guard encoding == 1 else {
            throw .badField(field: "ELF header: EI_DATA", value: UInt64(encoding), expected: "1 (little-endian)")
        }

        let header = try image.structure("ELF header", at: 0, count: is64Bit ? 64 : 52)
        let type = try header.uint16(at: 16)
        guard type == 2 || type == 3 else {
            throw .badField(
                field: "ELF header: e_type", value: UInt64(type), expected: "2 (executable) or 3 (shared object)")
        }
        let machine = try header.uint16(at: 18)
        guard machine == 3 || machine == 62 else {
            throw .badField(field: "ELF header: e_machine", value: UInt64(machine), expected: "3 (i386) or 62 (x86-64)")
        }
        entry = is64Bit ? try header.uint64(at: 24) : UInt64(try header.uint32(at: 24))
        let tableOffset = is64Bit ? try header.uint64(at: 32) : UInt64(try header.uint32(at: 28))
        let entrySize = try header.uint16(at: is64Bit ? 54 : 42)
        let count = try header.uint16(at: is64Bit ? 56 : 44)

        guard count > 0, count <= Self.maximumProgramHeaders else {
            throw .badField(
                field: "ELF header: e_phnum", value: UInt64(count), expected: "1 to \(Self.maximumProgramHeaders)")
        }
        let expectedSize = is64Bit ? 56 : 32
        guard Int(entrySize) == expectedSize else {
            throw .badField(field: "ELF header: e_phentsize", value: UInt64(entrySize), expected: "\(expectedSize)")
        }
        guard tableOffset <= image.size else {
            throw .fieldOutOfRange(
                field: "ELF header: e_phoff", value: tableOffset, limit: image.size, of: "the file's size")
        }
        let table = try image.structure("ELF program headers", at: tableOffset, count: Int(count) * expectedSize)
        var headers: [ProgramHeader] = []
        for index in 0..<Int(count) {
            headers.append(try Self.programHeader(index, in: table, is64Bit: is64Bit))
        }
        programHeaders = headers
    }

    /// Returns the loadable segments, checked against the file.
    func segments(imageSize: UInt64) throws(BootError) -> [LoadPlan.Segment] {
        var segments: [LoadPlan.Segment] = []
        for header in programHeaders where header.type == Self.loadType && header.memorySize > 0 {
            guard header.fileSize <= header.memorySize else {
                throw .fieldOutOfRange(
                    field: "\(header.name): p_filesz", value: header.fileSize, limit: header.memorySize, of: "p_memsz")
            }
            if header.fileSize > 0 {
                try header.checkFileRange(imageSize: imageSize)
            }
            segments.append(
                LoadPlan.Segment(
                    name: header.name, source: .kernel, guestAddress: header.physicalAddress,
                    fileOffset: header.fileSize > 0 ? header.fileOffset : 0, fileSize: header.fileSize,
                    memorySize: header.memorySize))
        }
        guard !segments.isEmpty else { throw .nothingToLoad }
        return segments
    }

    /// The physical address of `e_entry`, by the program headers; `e_entry` itself if they don't map it.
    var physicalEntry: UInt64 {
        for header in programHeaders where header.type == Self.loadType && entry >= header.virtualAddress {
            let offset = entry - header.virtualAddress
            let (physical, overflow) = header.physicalAddress.addingReportingOverflow(offset)
            if offset < header.memorySize && !overflow { return physical }
        }
        return entry
    }

    private static func programHeader(_ index: Int, in table: ByteReader, is64Bit: Bool) throws(BootError)
        -> ProgramHeader
    {
        if is64Bit {
            let base = index * 56
            return ProgramHeader(
                index: index, type: try table.uint32(at: base), fileOffset: try table.uint64(at: base + 8),
                fileSize: try table.uint64(at: base + 32), virtualAddress: try table.uint64(at: base + 16),
                physicalAddress: try table.uint64(at: base + 24), memorySize: try table.uint64(at: base + 40),
                alignment: try table.uint64(at: base + 48))
        }
        let base = index * 32
        return ProgramHeader(
            index: index, type: try table.uint32(at: base), fileOffset: UInt64(try table.uint32(at: base + 4)),
            fileSize: UInt64(try table.uint32(at: base + 16)), virtualAddress: UInt64(try table.uint32(at: base + 8)),
            physicalAddress: UInt64(try table.uint32(at: base + 12)),
            memorySize: UInt64(try table.uint32(at: base + 20)),
            alignment: UInt64(try table.uint32(at: base + 28)))
    }
}

extension ELFImage.ProgramHeader {
    /// Checks that the header's ranges are inside the file.
    func checkFileRange(imageSize: UInt64) throws(BootError) {
        guard fileOffset <= imageSize else {
            throw .fieldOutOfRange(
                field: "\(name): p_offset", value: fileOffset, limit: imageSize, of: "the file's size")
        }
        guard fileSize <= imageSize - fileOffset else {
            throw .fieldOutOfRange(
                field: "\(name): p_filesz", value: fileSize, limit: imageSize - fileOffset,
                of: "what the file holds from p_offset \(fileOffset.hexadecimal) on")
        }
    }
}
