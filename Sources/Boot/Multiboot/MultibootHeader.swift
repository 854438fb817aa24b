import Bytes

/// The header that marks a multiboot kernel: Multiboot Specification 0.6.96, section 3.1.
struct MultibootHeader: Equatable, Sendable {
    static let magic: UInt32 = 0x1bad_b002

    /// The header lies wholly in this many bytes from the file's start, on a 4-byte boundary.
    static let searchLength: UInt64 = 8192

    private static let addressFlag: UInt32 = 1 << 16

    /// Flags 0 to 2 ask for page-aligned modules, memory information and a video mode. The first two are always
    /// satisfied; the video mode is optional (the specification's section 3.1.3), and there is no video here.
    private static let knownRequirements: UInt32 = 0b111

    /// The offset of the header in the file.
    let offset: UInt64
    let flags: UInt32
    /// The five address fields, present if flag 16 is set.
    let headerAddress: UInt32
    let loadAddress: UInt32
    let loadEndAddress: UInt32
    let bssEndAddress: UInt32
    let entryAddress: UInt32

    /// True if the header gives load addresses ("a.out kludge"), which override ELF headers.
    var givesLoadAddresses: Bool { flags & Self.addressFlag != 0 }

    /// Searches the header; nil if there is none.
    init?(searching image: some ImageSource) throws(BootError) {
        let head = try image.structure("head of the file", at: 0, count: Int(min(image.size, Self.searchLength)))
        var wrongChecksum: BootError?
        for offset in stride(from: 0, through: head.count - 12, by: 4) where try head.uint32(at: offset) == Self.magic {
            let flags = try head.uint32(at: offset + 4)
            let checksum = try head.uint32(at: offset + 8)
            let expected = 0 &- (Self.magic &+ flags)
            if checksum == expected {
                try self.init(head: head, offset: offset, flags: flags)
                return
            }
            wrongChecksum = .badField(
                field: "multiboot header at \(UInt64(offset).hexadecimal): checksum", value: UInt64(checksum),
                expected: UInt64(expected).hexadecimal)
        }
        if let wrongChecksum { throw wrongChecksum }
        return nil
    }

    private init(head: ByteReader, offset: Int, flags: UInt32) throws(BootError) {
        let unknown = flags & 0xffff & ~Self.knownRequirements
        guard unknown == 0 else {
            throw .badField(
                field: "multiboot header: flags", value: UInt64(flags),
                expected: "no requirement but those of bits 0 to 2 (bit \(unknown.trailingZeroBitCount) is unknown)")
        }
        let hasAddresses = flags & Self.addressFlag != 0
        let end = offset + (hasAddresses ? 32 : 12)
        guard end <= head.count else {
            throw .fieldOutOfRange(
                field: "multiboot header: its end in the file", value: UInt64(end), limit: UInt64(head.count),
                of: "the end of the file or of its first \(Self.searchLength) bytes")
        }
        self.offset = UInt64(offset)
        self.flags = flags
        headerAddress = hasAddresses ? try head.uint32(at: offset + 12) : 0
        loadAddress = hasAddresses ? try head.uint32(at: offset + 16) : 0
        loadEndAddress = hasAddresses ? try head.uint32(at: offset + 20) : 0
        bssEndAddress = hasAddresses ? try head.uint32(at: offset + 24) : 0
        entryAddress = hasAddresses ? try head.uint32(at: offset + 28) : 0
    }

    /// Returns the one segment that the address fields describe.
    func segment(imageSize: UInt64) throws(BootError) -> LoadPlan.Segment {
        let load = UInt64(loadAddress)
        guard load <= headerAddress else {
            throw .fieldOutOfRange(
                field: "multiboot header: load_addr", value: load, limit: UInt64(headerAddress), of: "header_addr")
        }
        let leading = UInt64(headerAddress) - load
        guard leading <= offset else {
            throw .fieldOutOfRange(
                field: "multiboot header: header_addr - load_addr", value: leading, limit: offset,
                of: "the header's offset in the file")
        }
        let fileOffset = offset - leading
        let available = imageSize - min(fileOffset, imageSize)
        let fileSize: UInt64
        if loadEndAddress == 0 {
            fileSize = available
        } else {
            guard loadEndAddress > loadAddress else {
                throw .badField(
                    field: "multiboot header: load_end_addr", value: UInt64(loadEndAddress),
                    expected: "0 or more than load_addr \(load.hexadecimal)")
            }
            fileSize = UInt64(loadEndAddress - loadAddress)
            guard fileSize <= available else {
                throw .fieldOutOfRange(
                    field: "multiboot header: load_end_addr - load_addr", value: fileSize, limit: available,
                    of: "what the file holds from \(fileOffset.hexadecimal) on")
            }
        }
        let loadEnd = load.addingSaturating(fileSize)
        guard bssEndAddress == 0 || UInt64(bssEndAddress) >= loadEnd else {
            throw .badField(
                field: "multiboot header: bss_end_addr", value: UInt64(bssEndAddress),
                expected: "0 or at least \(loadEnd.hexadecimal), where the loaded data ends")
        }
        return LoadPlan.Segment(
            name: "multiboot kernel", source: .kernel, guestAddress: load, fileOffset: fileOffset, fileSize: fileSize,
            memorySize: bssEndAddress == 0 ? fileSize : UInt64(bssEndAddress) - load)
    }
}
