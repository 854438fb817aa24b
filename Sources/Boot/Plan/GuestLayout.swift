import Bytes

/// The parts of the guest's memory that are already in use while a plan is made.
struct GuestLayout {
    /// A range and its owner.
    struct Claim {
        let range: AddressRange
        let owner: String
    }

    /// The end of a window where the search for a free place starts.
    enum Edge {
        case bottom, top
    }

    /// A range to search for a place.
    struct Window {
        let range: AddressRange
        let edge: Edge

        init(_ range: Range<UInt64>, _ edge: Edge) {
            self.range = AddressRange(range)
            self.edge = edge
        }
    }

    let memory: MemoryMap
    private(set) var claims: [Claim] = []

    init(memory: MemoryMap) {
        self.memory = memory
    }

    /// The end of the highest claim.
    var end: UInt64 { claims.map(\.range.end).max() ?? 0 }

    /// Claims the places that the image itself asks for, which must be free RAM.
    mutating func claim(_ segments: [LoadPlan.Segment]) throws(BootError) {
        var ranges: [Claim] = []
        for segment in segments {
            guard let range = AddressRange(start: segment.guestAddress, size: segment.memorySize) else {
                throw .addressOverflow(segment: segment.name, address: segment.guestAddress, size: segment.memorySize)
            }
            ranges.append(Claim(range: range, owner: segment.name))
        }
        try checkMemory(holds: ranges)
        for (index, claim) in ranges.enumerated() {
            if let other = (claims + ranges[..<index]).first(where: { $0.range.overlaps(claim.range) }) {
                throw .overlap(
                    segment: claim.owner, range: claim.range.description, other: other.owner,
                    otherRange: other.range.description)
            }
        }
        claims += ranges
    }

    /// Reserves a range: nothing is placed there from now on. It may already contain claims.
    mutating func reserve(_ range: AddressRange, for owner: String) {
        claims.append(Claim(range: range, owner: owner))
    }

    /// Finds a free place in RAM and claims it.
    /// - Parameters:
    ///   - size: Bytes needed; 0 needs an address but no room.
    ///   - alignment: A power of two.
    ///   - windows: The windows to search, best first, each with the end to start from.
    ///   - owner: Its purpose, for errors.
    /// - Returns: The place's guest physical address.
    /// - Throws: ``BootError/noRoom(what:size:memory:)``.
    mutating func place(
        size: UInt64, alignment: UInt64, in windows: [Window], for owner: String
    ) throws(BootError) -> UInt64 {
        guard let address = firstPlace(size: size, alignment: alignment, in: windows, for: owner) else {
            throw .noRoom(what: owner, size: size, memory: memory.size)
        }
        return address
    }

    /// Does the same, but returns nil if there is no room.
    mutating func firstPlace(
        size: UInt64, alignment: UInt64, in windows: [Window], for owner: String
    ) -> UInt64? {
        for window in windows {
            let free = memory.ram.compactMap { $0.range.intersection(window.range) }
            for region in window.edge == .bottom ? free : free.reversed() {
                if let range = freeRange(size: size, alignment: alignment, in: region, from: window.edge) {
                    claims.append(Claim(range: range, owner: owner))
                    return range.start
                }
            }
        }
        return nil
    }

    private func freeRange(size: UInt64, alignment: UInt64, in region: AddressRange, from edge: Edge) -> AddressRange? {
        let needed = max(size, 1)
        guard needed <= region.size else { return nil }
        // Every step passes one claim, so this ends.
        var start =
            edge == .bottom ? region.start.aligned(upTo: alignment) : (region.end - needed).aligned(downTo: alignment)
        while let candidate = start, let range = AddressRange(start: candidate, size: needed), region.contains(range) {
            guard let obstacle = claims.first(where: { $0.range.overlaps(range) })?.range else {
                return AddressRange(start: candidate, size: size)
            }
            switch edge {
            case .bottom: start = obstacle.end.aligned(upTo: alignment)
            case .top: start = obstacle.start >= needed ? (obstacle.start - needed).aligned(downTo: alignment) : nil
            }
        }
        return nil
    }

    private func checkMemory(holds ranges: [Claim]) throws(BootError) {
        for claim in ranges {
            if let obstacle = memory.regions.first(where: { $0.kind != .ram && $0.range.overlaps(claim.range) }) {
                throw .reservedMemory(
                    segment: claim.owner, range: claim.range.description, region: obstacle.name,
                    regionRange: obstacle.range.description)
            }
        }
        guard let outside = ranges.first(where: { claim in !memory.ram.contains { $0.range.contains(claim.range) } })
        else { return }
        let end = ranges.map(\.range.end).max() ?? 0
        let total = ranges.reduce(UInt64(0)) { $0.addingSaturating($1.range.size) }
        if end <= memory.growthLimit {
            throw .memoryTooSmall(kernel: total, end: end, memory: memory.size)
        }
        throw .outsideMemory(segment: outside.owner, range: outside.range.description, memory: memory.size)
    }
}
