/// A device's I/O ports on the board, and its name in messages. Each device's own file has its entry.
/// Devices in memory: ``PhysicalLayout``.
public struct BoardEntry: Equatable, Sendable {
    /// The server of the ports.
    public enum Server: Sendable {
        case device
        /// KVM, in the kernel: these accesses don't cause exits to user space.
        case kernel
        /// None on this board: guests write there as they do on a PC.
        case nobody
    }

    /// The name within a sentence: "COM1", "the clock".
    public let name: String
    /// Within 0 to 0xffff, at least one.
    public private(set) var ports: [Range<UInt64>]
    public let server: Server

    init(_ name: String, _ first: Range<UInt64>, _ others: Range<UInt64>..., servedBy server: Server = .device) {
        self.name = name
        ports = [first] + others
        self.server = server
    }

    /// Creates an entry for one port, or several consecutive ones.
    init(_ name: String, at port: UInt16, count: UInt64 = 1) { self.init(name, UInt64(port)..<UInt64(port) + count) }

    /// The first port, which firmware tables name.
    public var port: UInt16 { UInt16(truncatingIfNeeded: ports.first?.lowerBound ?? 0) }

    public func contains(_ port: UInt16) -> Bool { ports.contains { $0.contains(UInt64(port)) } }

    /// Moves the device, so that its first port changes.
    mutating func move(to port: UInt16) {
        let start = UInt64(self.port)
        ports = ports.map { $0.lowerBound - start + UInt64(port)..<$0.upperBound - start + UInt64(port) }
    }
}

extension Bus {
    /// Assigns the ports of an entry to a device.
    mutating func claim(_ entry: BoardEntry, _ device: some BusDevice & Savable) throws(ClaimError) {
        for range in entry.ports { try claim(range, device, for: entry.name) }
    }

    /// Reserves the ports of a device that is not on this bus.
    mutating func reserve(_ entry: BoardEntry) throws(ClaimError) {
        for range in entry.ports { try reserve(range, for: entry.name) }
    }
}
