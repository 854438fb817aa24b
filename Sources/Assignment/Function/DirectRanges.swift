/// The parts of a BAR that the guest may access without an exit.
enum DirectRanges {
    private static let page: UInt64 = 4096

    /// Returns the whole pages inside the BAR that the host allows to be mapped, except trapped ones.
    static func of(_ mappable: [Range<UInt64>], without trapped: [Range<UInt64>], barSize: UInt64) -> [Range<UInt64>] {
        // A BAR smaller than a page shares its page with others on the host: never mapped.
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
