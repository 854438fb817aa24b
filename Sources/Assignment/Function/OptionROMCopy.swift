import LinuxSystem
import PCI
import VMM

/// The copy of a device's expansion ROM that its guest reads. The device's own is read once, before the guest starts:
/// on many devices the ROM shares its decoder with a BAR, so that a guest's reads would disturb the device.
final class OptionROMCopy: Sendable {
    let bar: BAR
    private let mapping: Mapping

    init(_ rom: OptionROM, of address: String) throws(AssignmentError) {
        bar = rom.bar
        do throws(SystemCallError) {
            mapping = try Mapping(
                anonymous: (rom.bytes.count + 0xFFF) & ~0xFFF, object: "the expansion ROM of \(address)")
        } catch {
            throw .system(address, error)
        }
        rom.bytes.withUnsafeBytes {
            mapping.base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(mapping.base), byteCount: $0.count)
        }
    }

    /// Reads little-endian; all ones beyond the end.
    func read(_ offset: UInt64, width: Int) -> UInt64 {
        guard (1...8).contains(width), offset < bar.size else { return .max }
        return (0..<width).reduce(0) { value, index in
            let place = offset + UInt64(index)
            let byte = place < bar.size ? mapping.base.load(fromByteOffset: Int(place), as: UInt8.self) : 0xFF
            return value | UInt64(byte) << UInt64(8 * index)
        }
    }

    /// The part that the guest reads without an exit: all of it, unless it is smaller than a page.
    var areas: [PCIFunction.MappableRegion] {
        bar.size < 4096
            ? [] : [PCIFunction.MappableRegion(offset: 0, count: bar.size, memory: mapping.base, isReadOnly: true)]
    }
}

extension AssignmentBackend {
    /// The default for a backend that can't read an expansion ROM.
    public func readROM() throws(AssignmentError) -> [UInt8] {
        throw .unfit(address, reason: "it has no expansion ROM that can be read: leave out rom=on")
    }
}

/// Reads an expansion ROM a piece at a time, so that neither a device that reports a very large one nor a very slow
/// device delays a run for long. The kernel has to prevent that a single read never returns.
struct OptionROMReader {
    static let pieceSize = 4096
    /// The time limit in nanoseconds.
    static let patience: UInt64 = 10_000_000_000

    /// - Parameters:
    ///   - size: the host's value, in bytes.
    ///   - piece: reads this many bytes at an offset; fewer at the end.
    static func read(
        _ address: String, size: UInt64, now: () -> UInt64 = { MonotonicClock.now },
        piece: (_ offset: UInt64, _ count: Int) throws(SystemCallError) -> [UInt8]
    ) throws(AssignmentError) -> [UInt8] {
        guard size <= OptionROM.maximumSize else {
            throw .unfit(address, reason: "\(OptionROM.Fault.tooLarge(bytes: size)): leave out rom=on")
        }
        let deadline = now() + patience
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < size {
            guard now() < deadline else {
                throw .unfit(
                    address,
                    reason: "its expansion ROM gave only \(bytes.count) of \(size) bytes in 10 s: leave out rom=on")
            }
            let wanted = min(pieceSize, Int(size) - bytes.count)
            do throws(SystemCallError) {
                let next = try piece(UInt64(bytes.count), wanted)
                guard !next.isEmpty else { break }
                bytes += next.prefix(wanted)
            } catch {
                throw .system(address, error)
            }
        }
        return bytes
    }
}
