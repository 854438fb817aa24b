/// Which parts of a BAR the guest may reach without an exit.
enum DirectRanges {
    private static let page: UInt64 = 4096

    /// The whole pages of what the host lets be mapped, inside the BAR, but for what must be trapped.
    static func of(_ mappable: [Range<UInt64>], without trapped: [Range<UInt64>], barSize: UInt64) -> [Range<UInt64>] {
        // A BAR below a page shares its page with others on the host: never mapped.
        guard barSize >= page else { return [] }
        var ranges = mappable.map { $0.clamped(to: 0..<barSize) }
        for hole in trapped {
            ranges = ranges.flatMap { range -> [Range<UInt64>] in
                guard range.overlaps(hole) else { return [range] }
                return [
                    range.lowerBound..<max(range.lowerBound, min(hole.lowerBound, range.upperBound)),
                    min(range.upperBound, max(hole.upperBound, range.lowerBound))..<range.upperBound,
                ]
            }
        }
        return ranges.compactMap { range in
            let start = (range.lowerBound + page - 1) & ~(page - 1)
            let end = range.upperBound & ~(page - 1)
            return start < end ? start..<end : nil
        }
    }
}
