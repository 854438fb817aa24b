import PCI
import Synchronization

/// The PCI function that kvm-unit-tests measure accesses with, like QEMU's `pci-testdev` (docs/specs/pci-testdev.rst in
/// its source). BAR 0 is memory, BAR 1 ports; each begins with a header that says which write to make where, and counts
/// such writes.
///
/// It has the plain accesses, which exit to user space, and none of those that end in an eventfd.
final class TestFunction: EmulatedFunction, @unchecked Sendable {
    // @unchecked: the state is guarded, the rest constant.

    /// The value that a write must have to be counted.
    private static let datum: UInt64 = 0xFA

    /// The header at a BAR's start: test number, access width, two unused bytes, offset, datum, count, name.
    private struct Header: Equatable {
        let name: String
        let offset: UInt64
        var test: UInt8 = 0
        var count: UInt32 = 0

        /// Returns a byte of the header. A width of 0 means that there is no test of this number.
        func byte(_ index: Int) -> UInt8 {
            switch index {
            case 0: return test
            case _ where test != 0: return 0
            case 1: return 1
            case 4..<8: return UInt8(truncatingIfNeeded: offset >> UInt64((index - 4) * 8))
            case 8..<12: return UInt8(truncatingIfNeeded: TestFunction.datum >> UInt64((index - 8) * 8))
            case 12..<16: return UInt8(truncatingIfNeeded: count >> UInt32((index - 12) * 8))
            case 16..<16 + name.utf8.count:
                return name.utf8[name.utf8.index(name.utf8.startIndex, offsetBy: index - 16)]
            default: return 0
            }
        }
    }

    private let headers = Mutex([
        Header(name: "mmio-no-eventfd", offset: 0x800), Header(name: "portio-no-eventfd", offset: 0x80),
    ])

    static let registers = [BAR(index: 0, kind: .memory32, size: 4096), BAR(index: 1, kind: .io, size: 256)].compactMap(
        \.self)

    override var name: String { "test device" }

    init() {
        var header = FunctionHeader(vendorID: 0x1B36, deviceID: 0x0005, classCode: 0x00FF_00, bars: Self.registers)
        (header.subsystemVendorID, header.subsystemID) = (0x1AF4, 0x1100)
        super.init(header, decodesFromStart: true)
    }

    override func saveRegisters() -> DeviceState { DeviceState(headers.withLock { $0 }) }

    override func restoreRegisters(_ state: DeviceState) throws(StateError) {
        let saved: [Header] = try state.value(of: name)
        headers.withLock { $0 = saved }
    }

    override func readRegister(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        headers.withLock { headers in
            guard headers.indices.contains(bar), let start = Int(exactly: offset) else { return .max }
            return (start..<start + width).reversed().reduce(0) { $0 << 8 | UInt64(headers[bar].byte($1)) }
        }
    }

    override func writeRegister(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        headers.withLock { headers in
            guard headers.indices.contains(bar) else { return }
            if offset == 0 {
                headers[bar].test = UInt8(truncatingIfNeeded: value)
                headers[bar].count = 0
            } else if headers[bar].test == 0, offset == headers[bar].offset, width == 1, value & 0xFF == Self.datum {
                headers[bar].count &+= 1
            }
        }
    }
}
