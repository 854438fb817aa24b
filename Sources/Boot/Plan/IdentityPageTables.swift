import Bytes

/// Page tables that map the first 4 GiB to themselves in pages of 2 MiB, which every x86-64 processor has:
/// Intel SDM volume 3, section 4.5 ("4-level paging").
enum IdentityPageTables {
    /// A PML4, a page directory pointer table and four page directories.
    static let size = 6 * pageSize

    private static let pageSize = 4096
    private static let present: UInt64 = 1 << 0
    private static let writable: UInt64 = 1 << 1
    private static let largePage: UInt64 = 1 << 7

    /// Returns the tables for the address `address`, a multiple of 4096; the PML4 comes first.
    static func bytes(at address: UInt64) -> [UInt8] {
        let flags = present | writable
        var writer = ByteWriter(capacity: size)
        let pointers = address + UInt64(pageSize)
        writer.append(pointers | flags)
        writer.append(zeros: pageSize - 8)
        for index in 1...4 as ClosedRange<UInt64> {
            writer.append(pointers + index * UInt64(pageSize) | flags)
        }
        writer.append(zeros: pageSize - 4 * 8)
        for index in 0..<2048 as Range<UInt64> {
            writer.append(index << 21 | flags | largePage)
        }
        return writer.bytes
    }
}
