import Bytes
import PCI

/// The decoded BARs by address at one moment. Immutable, so that every vCPU reads its own copy without a lock.
final class BARMap: Sendable {
    struct Entry: Sendable {
        let range: AddressRange
        let function: PCIFunction
        let bar: Int
        let isIO: Bool
    }

    let entries: [Entry]

    init(_ entries: [Entry]) { self.entries = entries }

    /// Returns the entry that contains an address.
    func find(_ address: UInt64, isIO: Bool) -> Int? {
        for index in entries.indices
        where entries[index].isIO == isIO && entries[index].range.contains(address) {
            return index
        }
        return nil
    }

    /// Reads from a BAR; all ones if no BAR is decoded there.
    func read(_ address: UInt64, isIO: Bool, width: Int) -> UInt64 {
        guard let index = find(address, isIO: isIO) else { return .max }
        return entries[index].function.readBAR(
            entries[index].bar, offset: address - entries[index].range.start, width: width)
    }

    /// Writes to a BAR; drops the write if no BAR is decoded there.
    func write(_ address: UInt64, isIO: Bool, _ value: UInt64, width: Int) {
        guard let index = find(address, isIO: isIO) else { return }
        entries[index].function.writeBAR(
            entries[index].bar, offset: address - entries[index].range.start, value, width: width)
    }

    /// Makes the map of the decoded BARs. If two overlap, the first in slot and BAR order wins; a BAR outside `windows`
    /// is left out.
    static func make(_ functions: [PCIFunction], windows: [AddressRange], ports: AddressRange) -> BARMap {
        var entries: [Entry] = []
        for function in functions {
            for decoded in function.decodedBARs() {
                guard let range = AddressRange(start: decoded.address, size: decoded.bar.size) else { continue }
                let isIO = decoded.bar.isIO
                let allowed = isIO ? [ports] : windows
                guard allowed.contains(where: { $0.contains(range) }),
                    !entries.contains(where: { $0.isIO == isIO && $0.range.overlaps(range) })
                else { continue }
                entries.append(Entry(range: range, function: function, bar: decoded.bar.index, isIO: isIO))
            }
        }
        return BARMap(entries)
    }
}
