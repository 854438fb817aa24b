import Glibc
import LinuxSystem

/// The host's pool of huge pages of 2 MiB: Documentation/admin-guide/mm/hugetlbpage.rst.
public struct HugePages: Sendable, Equatable {
    /// The size of a page in bytes.
    public static let size: UInt64 = 2 << 20
    /// The number of pages in the pool.
    public let total: UInt64
    /// The number of pages that are neither used nor reserved.
    public let free: UInt64

    /// Reads the pool's state; nil if the kernel has no such pages.
    public init?(folder: String = "/sys/kernel/mm/hugepages/hugepages-2048kB") {
        func number(_ name: String) -> UInt64? {
            guard let file = try? Descriptor(opening: "\(folder)/\(name)", flags: O_RDONLY) else { return nil }
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = bytes.withUnsafeMutableBytes { read(file.raw, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            return UInt64(String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").first ?? "")
        }
        guard let total = number("nr_hugepages"), let free = number("free_hugepages"),
            let reserved = number("resv_hugepages")
        else { return nil }
        self.total = total
        self.free = free - min(reserved, free)
    }

    /// Returns the reason why guest memory can't be allocated, and a remedy.
    static func shortage(_ bytes: UInt64, _ error: SystemCallError, pool: HugePages?) -> MachineError {
        guard let pool else {
            return .hugePages("this host's kernel has no huge pages of 2 MiB; run without --hugepages")
        }
        let needed = bytes / size
        guard needed > pool.free else { return .system(error) }
        return .hugePages(
            """
            the guest's memory takes \(needed) huge pages of 2 MiB and \(pool.free) are free: sysctl \
            vm.nr_hugepages=\(pool.total + needed - pool.free)
            """
        )
    }
}
