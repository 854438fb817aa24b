import PCI
import Synchronization

/// The PCI function that kvm-unit-tests measure accesses with, as QEMU's `pci-testdev` is one (docs/specs/pci-testdev.rst in its source). BAR 0
/// is memory, BAR 1 ports; each begins with a header that says where to write what, and counts such writes.
///
/// It offers the plain accesses, which exit to user space, and none of those that end in an eventfd.
final class TestFunction: PCIFunction, @unchecked Sendable {
    // @unchecked: the state is guarded, the rest constant.

    /// What a write must carry to be counted.
    private static let datum: UInt64 = 0xFA

    /// The header at a BAR's start: test number, access width, two bytes of nothing, offset, datum, count, name.
    private struct Header {
        let name: String
        let offset: UInt64
        var test: UInt8 = 0
        var count: UInt32 = 0

        /// The header as the guest reads it. A width of 0 says that there is no test of this number.
        func byte(_ index: Int) -> UInt8 {
            switch index {
            case 0: return test
            case _ where test != 0: return 0
            case 1: return 1
            case 4..<8: return UInt8(truncatingIfNeeded: offset >> UInt64((index - 4) * 8))
            case 8..<12: return UInt8(truncatingIfNeeded: TestFunction.datum >> UInt64((index - 8) * 8))
            case 12..<16: return UInt8(truncatingIfNeeded: count >> UInt32((index - 12) * 8))
            case 16..<16 + name.utf8.count: return name.utf8[name.utf8.index(name.utf8.startIndex, offsetBy: index - 16)]
            default: return 0
            }
        }
    }

    private struct State {
        var space: ConfigSpace
        var headers = [Header(name: "mmio-no-eventfd", offset: 0x800), Header(name: "portio-no-eventfd", offset: 0x80)]
    }

    private let state: Mutex<State>

    static let registers = [BAR(index: 0, kind: .memory32, size: 4096), BAR(index: 1, kind: .io, size: 256)].compactMap(\.self)

    override var name: String { "test device" }

    override var bars: [BAR] { Self.registers }

    override init() {
        var space = ConfigSpace()
        space.set(ConfigRegister.vendorID, 0x0005_1B36, width: 4)
        space.set(ConfigRegister.revisionAndClass, 0x00FF_0000, width: 4)
        space.set(ConfigRegister.subsystemVendorID, 0x1100_1AF4, width: 4)
        space.own(ConfigRegister.command, width: 2, writable: UInt32(Command([.ioSpace, .memorySpace]).rawValue))
        for bar in Self.registers { bar.lay(into: &space) }
        state = Mutex(State(space: space))
        super.init()
    }

    override func assign(_ bar: BAR, address: UInt64) {
        // Firmware hands a board over with decoders on.
        state.withLock { state in
            bar.assign(address, in: &state.space)
            state.space.command.insert(bar.isIO ? .ioSpace : .memorySpace)
        }
    }

    override func decodedBARs() -> [Decoded] {
        state.withLock { state in
            bars.filter { $0.isDecoded(in: state.space) }.map { Decoded(bar: $0, address: $0.address(in: state.space)) }
        }
    }

    override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        state.withLock { $0.space.read(offset, width: width) }
    }

    override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        let before = decodedBARs()
        state.withLock { $0.space.write(offset, value, width: width) }
        if decodedBARs() != before { remap() }
    }

    override func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        state.withLock { state in
            guard state.headers.indices.contains(bar), let start = Int(exactly: offset) else { return .max }
            return (start..<start + width).reversed().reduce(0) { $0 << 8 | UInt64(state.headers[bar].byte($1)) }
        }
    }

    override func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        state.withLock { state in
            guard state.headers.indices.contains(bar) else { return }
            if offset == 0 {
                state.headers[bar].test = UInt8(truncatingIfNeeded: value)
                state.headers[bar].count = 0
            } else if state.headers[bar].test == 0, offset == state.headers[bar].offset, width == 1, value & 0xFF == Self.datum {
                state.headers[bar].count &+= 1
            }
        }
    }
}
