import Glibc
import TestSupport
import Testing

@testable import VMM

@Suite struct GuestMemoryTests {
    private static let gib: UInt64 = 1 << 30

    @Test(
        arguments: [
            (1 << 20, [0..<1 << 20]), (3 * gib, [0..<3 * gib]),
            (3 * gib + 4096, [0..<3 * gib, 4 * gib..<4 * gib + 4096]),
            (8 * gib, [0..<3 * gib, 4 * gib..<9 * gib]),
        ] as [(UInt64, [Range<UInt64>])])
    func liesBelowTheDeviceHoleAndAbove4GiB(count: UInt64, ranges: [Range<UInt64>]) throws {
        let memory = try GuestMemory(count: count)
        #expect(memory.count == count)
        #expect(memory.regions.map(\.range) == ranges)
    }

    /// A guest of usual size takes a slot for each region; KVM takes its time for one of a TiB.
    @Test(
        arguments: [
            (1 << 20, [1 << 20]), (8 * gib, [3 * gib, 5 * gib]), (67 * gib, [3 * gib, 64 * gib]),
            (68 * gib, [3 * gib, 64 * gib, gib]),
            (1024 * gib, [3 * gib] + [UInt64](repeating: 64 * gib, count: 15) + [61 * gib]),
        ] as [(UInt64, [UInt64])])
    func isGivenToKVMInPieces(count: UInt64, sizes: [UInt64]) throws {
        let memory = try GuestMemory(count: count)
        #expect(memory.slots.map(\.count) == sizes)
        for (slot, next) in zip(memory.slots, memory.slots.dropFirst()) {
            #expect(memory.hostAddress(of: next) == memory.hostAddress(of: slot) + Int(slot.count))
            #expect(next.guestAddress == (slot.guestAddress == 0 ? 4 * Self.gib : slot.range.upperBound))
        }
    }

    /// KVM can map 2 MiB at once only where both addresses agree on what is below.
    @Test(arguments: [1 << 20, 24 << 20, 3 * gib + 4096, 8 * gib] as [UInt64])
    func liesAsTheGuestsAddressesDo(count: UInt64) throws {
        let memory = try GuestMemory(count: count)
        for region in memory.regions {
            #expect((UInt64(UInt(bitPattern: memory.hostAddress(of: region))) &- region.guestAddress) % (2 << 20) == 0)
            let bytes = Int(region.count)
            try memory.write([0x5A], at: region.range.upperBound - 1)
            #expect(memory.hostAddress(of: region).load(fromByteOffset: bytes - 1, as: UInt8.self) == 0x5A)
        }
    }

    /// The kernel is asked for pages of 2 MiB, but not where small guests lie; `hg` in proc_pid_smaps(5).
    @Test(
        .enabled(
            if: access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0,
            "the host lacks transparent huge pages in its kernel"),
        arguments: [(8 << 20, []), (64 << 20, [16 << 20..<64 << 20]), (4 * gib, [16 << 20..<4 * gib])]
            as [(UInt64, [Range<UInt64>])])
    func asksForHugePagesFrom16MiBOn(count: UInt64, ranges: [Range<UInt64>]) throws {
        let memory = try GuestMemory(count: count)
        let start = UInt64(UInt(bitPattern: memory.hostAddress(of: memory.regions[0])))
        // Neighbours of the same kind may be one area: only what is the guest's counts.
        let advised = try Self.areas(flag: "hg").map { $0.clamped(to: start..<start + count) }.filter { !$0.isEmpty }
        #expect(advised == ranges.map { $0.lowerBound + start..<$0.upperBound + start })
    }

    /// This process's areas that have a flag.
    private static func areas(flag: String) throws -> [Range<UInt64>] {
        var areas: [Range<UInt64>] = []
        var area: Range<UInt64>?
        for line in String(decoding: try readFile("/proc/self/smaps"), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "VmFlags:" {
                if let area, words.contains(Substring(flag)) { areas.append(area) }
            } else if let bounds = words.first?.split(separator: "-"), bounds.count == 2,
                let low = UInt64(bounds[0], radix: 16),
                let high = UInt64(bounds[1], radix: 16)
            {
                area = low..<high
            }
        }
        return areas
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
            (3 * gib - 1, 2), (3 * gib, 1), (3 * gib + 5, 1), (4 * gib - 1, 1), (4 * gib - 1, 2), (5 * gib, 1),
            (5 * gib - 1, 2), (0, Int(4 * gib)),
            (.max, 1), (.max, 2), (.max - 7, 8), (.max - 4095, 4096), (0, .max), (1, .max), (.max, .max), (0, -1),
            (4096, -4096), (0, .min), (.max, .min),
        ] as [(UInt64, Int)])
    func refusesWhatIsNotWhollyRAM(address: UInt64, count: Int) throws {
        let memory = try GuestMemory(count: 4 * Self.gib)
        do throws(GuestMemory.OutOfBounds) {
            _ = try memory.withBytes(at: address, count: count) { _ in Issue.record("was let through") }
        } catch {
            #expect(error.guestAddress == address)
            #expect(error.count == count)
        }
    }

    @Test func anEmptyRangeMayEndWhereRAMEnds() throws {
        let memory = try GuestMemory(count: 1 << 20)
        try memory.withBytes(at: 1 << 20, count: 0) { #expect($0.isEmpty) }
        #expect(throws: GuestMemory.OutOfBounds.self) { try memory.withBytes(at: 1 << 20 + 1, count: 0) { _ in } }
    }
}
