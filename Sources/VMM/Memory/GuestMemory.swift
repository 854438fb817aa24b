import Bytes
import Glibc
public import LinuxSystem

/// The guest's RAM: one anonymous mapping, placed in the guest from address 0 on; the part that does not fit below the
/// device hole starts at 4 GiB.
///
/// Every access of the VMM goes through this class and is checked. Host memory is used only for touched pages, from 16
/// MiB on in pages of 2 MiB if the host has some.
public final class GuestMemory: Sendable {
    /// A contiguous piece of RAM.
    public struct Region: Sendable {
        public let guestAddress: UInt64
        public let count: UInt64
        /// The offset in the mapping.
        let offset: Int

        /// The half-open range of guest addresses.
        public var range: Range<UInt64> { guestAddress..<guestAddress + count }
    }

    /// RAM below this address uses small pages: test kernels are loaded here and touch so little that clearing whole
    /// huge pages would cost more than the page faults do. A Linux uses mainly the memory above.
    private static let smallGuest = 16 << 20

    /// The largest size of a memory slot of KVM in bytes. If KVM has a reverse map, the kernel allocates and clears 2.5
    /// MiB for each GiB of a slot, and no signal interrupts that. 1 TiB, the largest memory, takes 17 of the 32 slots
    /// of the oldest hosts.
    static let slotLimit: UInt64 = 64 << 30

    public let regions: [Region]
    /// The total size in bytes.
    public let count: UInt64
    private let mapping: Mapping

    /// A guest address outside RAM.
    public struct OutOfBounds: Error, CustomStringConvertible {
        public let guestAddress: UInt64
        public let count: Int

        public var description: String {
            "guest-physical \(guestAddress.hexadecimal), \(count) bytes: not wholly in RAM"
        }
    }

    /// - Parameters:
    ///   - count: bytes, a multiple of the page size.
    ///   - hugePages: allocates it from the host's huge pages of 2 MiB, all at once.
    ///   - lowLimit: the highest possible end of RAM below 4 GiB.
    public init(count: UInt64, hugePages: Bool = false, lowLimit: UInt64 = PhysicalLayout.lowRAMLimit)
        throws(SystemCallError)
    {
        guard let size = Int(exactly: count) else {
            throw SystemCallError(call: "mmap", object: "guest memory", errno: .noMemory)
        }
        let object = "\(count >> 20) MiB of guest memory"
        if hugePages {
            mapping = try Mapping(hugePages: size, object: object)
        } else {
            // Aligned like the guest's addresses, so that the kernel can map 2 MiB of a guest at once: fewer faults,
            // and shorter walks.
            mapping = try Mapping(anonymous: size, alignment: Int(HugePages.size), object: object)
            mapping.preferHugePages(from: Self.smallGuest)
        }
        let low = min(count, lowLimit)
        var regions = [Region(guestAddress: 0, count: low, offset: 0)]
        if count > low {
            regions.append(Region(guestAddress: PhysicalLayout.highRAMStart, count: count - low, offset: Int(low)))
        }
        self.regions = regions
        self.count = count
    }

    /// The regions in pieces for KVM's memory slots, in the order of their numbers from 0.
    var slots: [Region] {
        regions.flatMap { region in
            stride(from: 0, to: region.count, by: UInt64.Stride(Self.slotLimit)).map { start in
                Region(
                    guestAddress: region.guestAddress + start, count: min(Self.slotLimit, region.count - start),
                    offset: region.offset + Int(start))
            }
        }
    }

    /// The host address of a region's first byte, for the kernel's memory slots and DMA maps.
    public func hostAddress(of region: Region) -> UnsafeMutableRawPointer {
        mapping.base + region.offset
    }

    /// Passes the bytes of a guest range to `body`.
    /// - Throws: `OutOfBounds` if the range is not wholly inside one region.
    public func withBytes<Result>(
        at guestAddress: UInt64, count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) throws(OutOfBounds) -> Result {
        guard count >= 0,
            let region = regions.first(where: {
                $0.guestAddress <= guestAddress && guestAddress - $0.guestAddress <= $0.count
            }),
            UInt64(count) <= region.count - (guestAddress - region.guestAddress)
        else { throw OutOfBounds(guestAddress: guestAddress, count: count) }
        let start = mapping.base + region.offset + Int(guestAddress - region.guestAddress)
        return body(UnsafeMutableRawBufferPointer(start: start, count: count))
    }

    /// Returns true if a page of a range has ever been touched, or if the kernel does not tell.
    func isTouched(at guestAddress: UInt64, count: UInt64) -> Bool {
        let page: UInt64 = 4096
        let start = guestAddress & ~(page - 1)
        guard let count = Int(exactly: guestAddress - start + count) else { return true }
        var pages = [UInt8](repeating: 0, count: (count + Int(page) - 1) / Int(page))
        let answer = try? withBytes(at: start, count: count) { mincore($0.baseAddress, count, &pages) }
        return answer != 0 || pages.contains { $0 & 1 != 0 }
    }

    /// Copies bytes into the guest.
    public func write(_ bytes: [UInt8], at guestAddress: UInt64) throws(OutOfBounds) {
        try withBytes(at: guestAddress, count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Copies numbers into the guest, the lowest byte of each first.
    func write(words: [UInt64], at guestAddress: UInt64) throws(OutOfBounds) {
        try withBytes(at: guestAddress, count: 8 * words.count) { bytes in
            words.withUnsafeBytes { bytes.copyMemory(from: $0) }
        }
    }

    /// Copies bytes out of the guest.
    public func read(at guestAddress: UInt64, count: Int) throws(OutOfBounds) -> [UInt8] {
        try withBytes(at: guestAddress, count: count) { Array($0) }
    }
}
