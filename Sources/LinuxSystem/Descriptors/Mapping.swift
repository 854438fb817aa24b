import CLinux
import Glibc

/// Owns a range of mapped memory and unmaps it at the end of its life. See mmap(2).
public struct Mapping: ~Copyable, @unchecked Sendable {
    // @unchecked: the address is constant; the memory itself is shared with the kernel, a guest or a device by nature.

    public let base: UnsafeMutableRawPointer
    public let count: Int

    /// Maps part of a file or device.
    /// - Parameters:
    ///   - offset: bytes from its start, a multiple of the page size.
    ///   - writable: the mapping may be written as well as read.
    public init(
        _ descriptor: borrowing Descriptor, offset: UInt64 = 0, count: Int, writable: Bool = true
    ) throws(SystemCallError) {
        let protection = PROT_READ | (writable ? PROT_WRITE : 0)
        guard let base = mmap(nil, count, protection, MAP_SHARED, descriptor.raw, off_t(bitPattern: UInt(offset))),
            base != MAP_FAILED
        else { throw .last("mmap", descriptor.object) }
        self.base = base
        self.count = count
    }

    /// Maps fresh zeroed memory, which takes host memory only once it is touched.
    /// - Parameter alignment: of its address, a power of two. If it is larger than a page, `count` must be a multiple
    ///   of the page size.
    public init(anonymous count: Int, alignment: Int = 1, object: String) throws(SystemCallError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let (whole, isTooLarge) = count.addingReportingOverflow(alignment - 1)
        guard !isTooLarge else { throw SystemCallError(call: "mmap", object: object, errno: .noMemory) }
        guard let start = mmap(nil, whole, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
            throw .last("mmap", object)
        }
        base = start.alignedUp(toMultipleOf: alignment)
        self.count = count
        let head = base - start
        if head > 0 { munmap(start, head) }
        if whole - head > count { munmap(base + count, whole - head - count) }
    }

    /// Asks the kernel to back memory from `offset` on with pages of 2 MiB where it can: madvise(2), MADV_HUGEPAGE. No
    /// effect on a kernel without them.
    /// - Parameter offset: a multiple of the page size, inside the mapping.
    public func preferHugePages(from offset: Int) {
        guard offset >= 0, offset < count else { return }
        _ = madvise(base + offset, count - offset, MADV_HUGEPAGE)
    }

    /// Maps fresh zeroed memory in huge pages of 2 MiB, all reserved now: touching it can't fail later.
    /// - Parameter count: bytes, a multiple of 2 MiB.
    /// - Throws: ENOMEM if fewer huge pages are free, EINVAL if the kernel has none.
    public init(hugePages count: Int, object: String) throws(SystemCallError) {
        // MAP_HUGE_2MB is 21, the size's logarithm, at MAP_HUGE_SHIFT.
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26
        guard let base = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            throw .last("mmap", object)
        }
        self.base = base
        self.count = count
    }

    /// Reads a device's register: one access of exactly `width` bytes for the widths that the bus has (1, 2, 4, 8),
    /// else byte by byte.
    /// - Returns: all ones outside of the mapping.
    public func readRegister(_ offset: Int, width: Int) -> UInt64 {
        guard isInside(offset, width) else { return .max }
        guard ![1, 2, 4, 8].contains(width) else { return cl_read_register(base + offset, Int32(width)) }
        return (0..<width).reduce(0) { $0 | cl_read_register(base + offset + $1, 1) << UInt64(8 * $1) }
    }

    /// Writes a device's register in the same way; drops a write outside of the mapping.
    public func writeRegister(_ offset: Int, _ value: UInt64, width: Int) {
        guard isInside(offset, width) else { return }
        guard ![1, 2, 4, 8].contains(width) else { return cl_write_register(base + offset, Int32(width), value) }
        for index in 0..<width { cl_write_register(base + offset + index, 1, value >> UInt64(8 * index)) }
    }

    private func isInside(_ offset: Int, _ width: Int) -> Bool {
        (1...8).contains(width) && offset >= 0 && offset <= count - width
    }

    deinit { munmap(base, count) }
}
