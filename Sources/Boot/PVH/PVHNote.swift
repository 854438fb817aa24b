import Bytes

/// The ELF note that gives a kernel's PVH entry point: Xen, `public/elfnote.h`.
struct PVHNote: Equatable, Sendable {
    /// `XEN_ELFNOTE_PHYS32_ENTRY`.
    static let type: UInt32 = 18

    /// The note's owner, with its NUL.
    static let owner: [UInt8] = Array("Xen\0".utf8)

    /// The largest number of bytes of notes read from one file: a Linux kernel has less than 1 KiB of them.
    static let maximumSize: UInt64 = 65536

    /// Physical address of the entry point.
    let entry: UInt32

    init(entry: UInt32) {
        self.entry = entry
    }

    /// Searches the note in every note segment; nil if there is none.
    init?(of elf: ELFImage, in image: some ImageSource) throws(BootError) {
        var budget = Self.maximumSize
        for header in elf.programHeaders where header.type == ELFImage.noteType && header.fileSize > 0 {
            try header.checkFileRange(imageSize: image.size)
            guard header.fileSize <= budget else {
                throw .fieldOutOfRange(
                    field: "\(header.name): p_filesz", value: header.fileSize, limit: budget,
                    of: "what is left of the \(Self.maximumSize) bytes of notes that are read")
            }
            budget -= header.fileSize
            let notes = try image.structure(
                "notes of \(header.name)", at: header.fileOffset, count: Int(header.fileSize))
            if let entry = try Self.entry(in: notes, alignment: header.alignment == 8 ? 8 : 4, of: header) {
                self.entry = entry
                return
            }
        }
        return nil
    }

    private static func entry(
        in notes: ByteReader, alignment: UInt64, of header: ELFImage.ProgramHeader
    ) throws(BootError) -> UInt32? {
        let size = UInt64(notes.count)
        var position: UInt64 = 0
        // These sums can't overflow: position is at most 64 KiB and the sizes are 32-bit numbers.
        while size - position >= 12 {
            let start = Int(position)
            let nameSize = UInt64(try notes.uint32(at: start))
            let descriptionSize = UInt64(try notes.uint32(at: start + 4))
            let type = try notes.uint32(at: start + 8)
            let place = "\(header.name): note at \(position.hexadecimal)"
            guard nameSize <= size - position - 12 else {
                throw .fieldOutOfRange(
                    field: "\(place): n_namesz", value: nameSize, limit: size - position - 12,
                    of: "the bytes left in the segment")
            }
            let descriptionStart = ((position + 12 + nameSize).aligned(upTo: alignment) ?? .max)
            guard descriptionSize == 0 || descriptionStart <= size && descriptionSize <= size - descriptionStart else {
                throw .fieldOutOfRange(
                    field: "\(place): n_descsz", value: descriptionSize, limit: size - min(descriptionStart, size),
                    of: "the bytes left in the segment")
            }
            if type == Self.type && nameSize == UInt64(owner.count) && notes.holds(owner, at: start + 12) {
                return try entry(in: notes, at: Int(descriptionStart), size: descriptionSize, place: place)
            }
            position = min((descriptionStart + descriptionSize).aligned(upTo: alignment) ?? .max, size)
        }
        return nil
    }

    private static func entry(in notes: ByteReader, at offset: Int, size: UInt64, place: String) throws(BootError)
        -> UInt32
    {
        switch size {
        case 4:
            return try notes.uint32(at: offset)
        case 8:
            let value = try notes.uint64(at: offset)
            guard let entry = UInt32(exactly: value) else {
                throw .fieldOutOfRange(
                    field: "\(place): PVH entry", value: value, limit: UInt64(UInt32.max), of: "the last 32-bit address"
                )
            }
            return entry
        default:
            throw .badField(field: "\(place): n_descsz of the PVH entry", value: size, expected: "4 or 8")
        }
    }
}
