import Bytes

/// The structure at the address in RSI (ESI) when Linux starts: `struct boot_params`, the "zero page". Linux,
/// Documentation/arch/x86/zero-page.rst and arch/x86/include/uapi/asm/bootparam.h.
struct LinuxBootParameters: Equatable, Sendable {
    /// Size of the structure in bytes.
    static let size = 4096

    /// The largest number of memory map entries in the structure itself; further ones follow in a list.
    static let maximumRegions = 128

    private static let rsdpOffset = 0x070
    private static let ramdiskImageHighOffset = 0x0c0
    private static let ramdiskSizeHighOffset = 0x0c4
    private static let extendedMemoryOffset = 0x1e0
    private static let regionCountOffset = 0x1e8
    private static let memoryMapOffset = 0x2d0
    private static let regionSize = 20

    /// The setup header with all fields that the loader fills in.
    let header: LinuxSetupHeader
    let memory: MemoryMap
    /// 0 if the guest gets no ACPI tables.
    let rsdpAddress: UInt64
    /// The initrd's upper address and size bits; the lower ones are in the header.
    let ramdisk: AddressRange?

    var bytes: [UInt8] {
        var page = [UInt8](repeating: 0, count: Self.size)
        func store(_ value: UInt64, at offset: Int, count: Int) {
            for index in 0..<count { page[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        }
        store(rsdpAddress, at: Self.rsdpOffset, count: 8)
        if let ramdisk {
            store(ramdisk.start >> 32, at: Self.ramdiskImageHighOffset, count: 4)
            store(ramdisk.size >> 32, at: Self.ramdiskSizeHighOffset, count: 4)
        }
        store(UInt64(memory.upperKiB), at: Self.extendedMemoryOffset, count: 4)
        let map = memory.e820Table.prefix(Self.maximumRegions * Self.regionSize)
        store(UInt64(map.count / Self.regionSize), at: Self.regionCountOffset, count: 1)
        page.replaceSubrange(Self.memoryMapOffset..<Self.memoryMapOffset + map.count, with: map)
        let fields = LinuxSetupHeader.start..<header.bytes.count
        page.replaceSubrange(fields, with: header.bytes[fields])
        return page
    }

    /// Returns the `struct setup_data` with the regions that the structure has no room for; nil if there are none.
    static func furtherRegions(of memory: MemoryMap) -> [UInt8]? {
        let rest = memory.e820Table.dropFirst(maximumRegions * regionSize)
        guard !rest.isEmpty else { return nil }
        var writer = ByteWriter()
        writer.append(UInt64(0))
        writer.append(UInt32(1))
        writer.append(UInt32(truncatingIfNeeded: rest.count))
        writer.append(contentsOf: Array(rest))
        return writer.bytes
    }
}
