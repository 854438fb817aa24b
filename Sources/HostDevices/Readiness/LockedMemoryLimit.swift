public import LinuxSystem

/// The amount of memory that this process may pin. VFIO pins all of a guest's memory while the guest has a device.
public struct LockedMemoryLimit: Sendable, Equatable {
    /// Bytes, nil if there is no limit: RLIMIT_MEMLOCK is unlimited or the process has CAP_IPC_LOCK.
    public let bytes: UInt64?

    /// A limit in bytes, or none.
    public init(bytes: UInt64?) { self.bytes = bytes }

    /// Returns this process's limit.
    /// - Parameter tree: the host, or a mock tree
    /// - Throws: the error of reading /proc/self/limits.
    public static func current(tree: HostFilesystem = HostFilesystem()) throws(SystemCallError) -> LockedMemoryLimit {
        let ipcLock: UInt64 = 1 << 14
        if let capabilities = effectiveCapabilities(tree), capabilities & ipcLock != 0 { return .init(bytes: nil) }
        // The soft limit is the first column after the name (proc(5), /proc/pid/limits).
        let name = "Max locked memory"
        for line in try tree.text("proc/self/limits").split(separator: "\n") where line.hasPrefix(name) {
            return .init(bytes: line.dropFirst(name.count).split(separator: " ").first.flatMap { UInt64($0) })
        }
        return .init(bytes: nil)
    }

    /// Returns true if a guest with this much memory fits.
    /// - Parameter memory: bytes of guest memory
    public func allows(_ memory: UInt64) -> Bool { bytes.map { memory <= $0 } ?? true }

    /// Reads CapEff of proc(5); see capabilities(7) for the bits.
    private static func effectiveCapabilities(_ tree: HostFilesystem) -> UInt64? {
        guard let status = try? tree.text("proc/self/status") else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
            return UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16)
        }
        return nil
    }
}
