public import PCI

/// Assigns addresses to base address registers of several functions at once: large ones first, so that alignment wastes
/// no space.
///
/// Memory is placed below 4 GiB if all of it fits there, since guests without paging can access it there. Otherwise
/// 32-bit registers come first, and the remaining 64-bit ones are placed above.
public struct BARPlacement: Sendable {
    /// A register's requirements for placement.
    public struct Need: Equatable, Sendable {
        public let kind: BAR.Kind
        /// The size in bytes, a power of two.
        public let size: UInt64

        public init(_ kind: BAR.Kind, size: UInt64) {
            self.kind = kind
            self.size = size
        }
    }

    private struct Windows {
        var ports = BARWindow(PhysicalLayout.portWindow)
        var low: BARWindow
        var upper: BARWindow
        var high: BARWindow

        mutating func allocateLow(_ size: UInt64) -> UInt64? { low.allocate(size) ?? upper.allocate(size) }
    }

    private var windows: Windows

    /// - Parameters:
    ///   - low: the first window for memory; the second is after it and after ECAM.
    ///   - high: the window above 4 GiB.
    init(low: Range<UInt64>, high: Range<UInt64>) {
        windows = Windows(
            low: BARWindow(low), upper: BARWindow(PhysicalLayout.upperMemoryWindow), high: BARWindow(high))
    }

    /// Places registers.
    /// - Returns: an address for each, in their order; nil for one without room.
    mutating func place(_ needs: [Need]) -> [UInt64?] {
        let order = needs.indices.sorted { (needs[$0].size, $1) > (needs[$1].size, $0) }
        var addresses = [UInt64?](repeating: nil, count: needs.count)
        for index in order where needs[index].kind == .io {
            addresses[index] = windows.ports.allocate(needs[index].size)
        }
        let memory = order.filter { needs[$0].kind != .io }
        var trial = windows
        let below = memory.map { trial.allocateLow(needs[$0].size) }
        if !below.contains(nil) {
            windows = trial
            for (index, address) in zip(memory, below) { addresses[index] = address }
            return addresses
        }
        for index in memory where needs[index].kind != .memory64 {
            addresses[index] = windows.allocateLow(needs[index].size)
        }
        for index in memory where needs[index].kind == .memory64 {
            let size = needs[index].size
            addresses[index] = windows.allocateLow(size) ?? windows.high.allocate(size)
        }
        return addresses
    }
}
