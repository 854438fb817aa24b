import Testing

@testable import Assignment

@Suite struct DirectRangesTests {
    @Test(
        arguments: [
            // Nothing trapped, nothing mappable, parts of pages.
            ([0..<0x4000], [], 0x4000, [0..<0x4000]), ([], [], 0x4000, []),
            ([0x800..<0x2800], [], 0x4000, [0x1000..<0x2000]),
            // A hole at the start, in the middle, at the end, over all, outside.
            ([0..<0x4000], [0..<0x1000], 0x4000, [0x1000..<0x4000]),
            ([0..<0x4000], [0x2000..<0x3000], 0x4000, [0..<0x2000, 0x3000..<0x4000]),
            ([0..<0x4000], [0x3000..<0x4000], 0x4000, [0..<0x3000]), ([0..<0x4000], [0..<0x4000], 0x4000, []),
            ([0..<0x4000], [0x8000..<0x9000], 0x4000, [0..<0x4000]),
            // Holes side by side, on top of each other, and over the end.
            ([0..<0x4000], [0x1000..<0x2000, 0x2000..<0x3000], 0x4000, [0..<0x1000, 0x3000..<0x4000]),
            ([0..<0x4000], [0x1000..<0x3000, 0x2000..<0x3000], 0x4000, [0..<0x1000, 0x3000..<0x4000]),
            ([0..<0x4000], [0x3000..<0x9000], 0x4000, [0..<0x3000]),
            // What the host lets be mapped in parts, and more than the BAR has.
            ([0..<0x1000, 0x2000..<0x4000], [0x2000..<0x3000], 0x4000, [0..<0x1000, 0x3000..<0x4000]),
            ([0..<0x10_0000], [], 0x4000, [0..<0x4000]), ([0x8000..<0x9000], [], 0x4000, []),
            // Below a page nothing can be mapped.
            ([0..<0x800], [], 0x800, []), ([0..<16], [], 16, []),
        ] as [([Range<UInt64>], [Range<UInt64>], UInt64, [Range<UInt64>])])
    func areWholePagesOfWhatMayBeReached(
        mappable: [Range<UInt64>], trapped: [Range<UInt64>], size: UInt64, expected: [Range<UInt64>]
    ) {
        #expect(DirectRanges.of(mappable, without: trapped, barSize: size) == expected)
    }
}
