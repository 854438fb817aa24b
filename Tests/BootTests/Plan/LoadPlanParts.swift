import Boot

extension LoadPlan {
    /// The page that a Linux plan's RSI or ESI points to.
    var bootParameters: [UInt8]? { blob(at: UInt64(entry.esi)) }

    /// Where the kernel file's part that isn't setup code lies, and what it keeps for itself.
    var kernel: Segment? { segments.first { $0.source == .kernel && $0.fileSize > 0 } }

    var initrd: Segment? { segments.first { $0.source == .module(0) } }
}
