import Boot
import PostMortem

/// The kernel in guest memory, for a post-mortem.
struct LoadedKernel {
    /// The kernel's format; for Linux it includes the chosen entry.
    let format: KernelFormat
    let commandLine: String
    /// The release of a Linux image.
    let linuxRelease: String?
    /// Its place in guest-physical addresses.
    let ranges: [Range<UInt64>]

    /// Returns true for a Linux: by its image, or by the words that every Linux has in its data (init/version.c).
    func isLinux(in memory: GuestMemory) -> Bool {
        if format.isLinux { return linuxRelease != nil }
        guard format == .pvh else { return false }
        let search = MemorySearch(memory)
        return ranges.contains { search.first(KernelLog.beginning, in: $0) != nil }
    }
}
