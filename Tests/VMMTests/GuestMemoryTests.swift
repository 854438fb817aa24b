import Testing

@testable import VMM

@Suite struct GuestMemoryTests {
    private static let gib: UInt64 = 1 << 30

    @Test(
        arguments: [
            (1 << 20, [0..<1 << 20]), (3 * gib, [0..<3 * gib]), (3 * gib + 4096, [0..<3 * gib, 4 * gib..<4 * gib + 4096]),
            (8 * gib, [0..<3 * gib, 4 * gib..<9 * gib]),
        ] as [(UInt64, [Range<UInt64>])])
    func liesBelowTheDeviceHoleAndAbove4GiB(count: UInt64, ranges: [Range<UInt64>]) throws {
        let memory = try GuestMemory(count: count)
        #expect(memory.count == count && memory.regions.map(\.range) == ranges)
    }

    @Test func givesBackWhatWasWritten() throws {
        let memory = try GuestMemory(count: 5 * Self.gib)
        for address in [0, 4095, 3 * Self.gib - 3, 4 * Self.gib, 6 * Self.gib - 3] {
            try memory.write([1, 2, 3], at: address)
            #expect(try memory.read(at: address, count: 3) == [1, 2, 3])
        }
        #expect(try memory.read(at: 100, count: 4) == [0, 0, 0, 0])
    }

    /// The last byte below the hole and the first above it are neighbours in our memory and not in the guest's.
    @Test(
        arguments: [
            (3 * gib - 1, 2), (3 * gib, 1), (3 * gib + 5, 1), (4 * gib - 1, 1), (4 * gib - 1, 2), (5 * gib, 1), (5 * gib - 1, 2), (0, Int(4 * gib)),
            (.max, 1), (.max, 2), (.max - 7, 8), (.max - 4095, 4096), (0, .max), (1, .max), (.max, .max), (0, -1), (4096, -4096), (0, .min), (.max, .min),
        ] as [(UInt64, Int)])
    func refusesWhatIsNotWhollyRAM(address: UInt64, count: Int) throws {
        let memory = try GuestMemory(count: 4 * Self.gib)
        do throws(GuestMemory.OutOfBounds) {
            try memory.withBytes(at: address, count: count) { _ in Issue.record("was let through") }
        } catch {
            #expect(error.guestAddress == address && error.count == count)
            #expect(error.description.contains("0x" + String(address, radix: 16)))
        }
    }

    @Test func anEmptyRangeMayEndWhereRAMEnds() throws {
        let memory = try GuestMemory(count: 1 << 20)
        try memory.withBytes(at: 1 << 20, count: 0) { #expect($0.isEmpty) }
        #expect(throws: GuestMemory.OutOfBounds.self) { try memory.withBytes(at: 1 << 20 + 1, count: 0) { _ in } }
    }
}
