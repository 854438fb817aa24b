import Boot
import PostMortem

/// The kernel that was put into guest memory, as a post-mortem asks for it.
struct LoadedKernel {
    /// How it is booted; for Linux, which of its entries was taken.
    let format: KernelFormat
    let commandLine: String
    /// Of a Linux image, what it says of itself.
    let linuxRelease: String?
    /// Where it was loaded, in guest-physical addresses.
    let ranges: [Range<UInt64>]

    /// Whether it is a Linux: by its image, or by the words that every Linux has in its data (init/version.c).
    func isLinux(in memory: GuestMemory) -> Bool {
        if format.isLinux { return linuxRelease != nil }
        guard format == .pvh else { return false }
        let search = MemorySearch(memory)
        return ranges.contains { search.first(KernelLog.beginning, in: $0) != nil }
    }
}
