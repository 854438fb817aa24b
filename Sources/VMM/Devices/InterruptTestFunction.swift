public import PCI
import Synchronization

/// A PCI function that raises INTx, MSI and MSI-X on request, so that a test kernel can try masks, pending bits and
/// retargeting without any hardware.
///
/// | BAR 0 | register | access |
/// |---|---|---|
/// | 0x00 | `IDENTIFICATION`: 0x74736574 | read |
/// | 0x04 | `STATUS`: the causes that are raised, a bit each; the interrupt pin is up while one is | read |
/// | 0x08 | `RAISE`: raises the causes whose bits are one; each sends message n, even if it was raised before | write |
/// | 0x0C | `ACKNOWLEDGE`: ends the causes whose bits are one | write |
/// | 0x10 | `COUNT`: causes raised since the start | read |
///
/// Registers are 32 bits wide and take dword accesses; any other access reads zero and writes nothing. There are 16
/// causes. By MSI-X cause n is vector n (the table is at BAR 1 + 0, the pending bits at BAR 1 + 0x800), by MSI vector n
/// modulo the vectors that the guest enabled.
public final class InterruptTestFunction: EmulatedFunction, @unchecked Sendable {
    // @unchecked: the state is guarded, the rest constant.

    private enum Register {
        static let identification: UInt64 = 0x00
        static let status: UInt64 = 0x04
        static let raise: UInt64 = 0x08
        static let acknowledge: UInt64 = 0x0C
        static let count: UInt64 = 0x10
    }

    private struct Causes: Equatable {
        var raised: UInt32 = 0
        var count: UInt32 = 0
    }

    /// The number of causes, and of MSI-X vectors.
    public static let causeCount = 16
    private static let msiVectors = 8
    private static let identification: UInt32 = 0x7473_6574
    private static let causeMask: UInt32 = 0xFFFF
    private let causes = Mutex(Causes())

    /// Its base address registers.
    public static let registers = [
        BAR(index: 0, kind: .memory32, size: 4096), BAR(index: 1, kind: .memory32, size: 4096),
    ].compactMap(\.self)

    public init() {
        // 0x1234 is no member of the PCI SIG; QEMU's edu has it too. 0xff: it fits no class (PCI Code and ID Assignment
        // 1.11, section 1).
        var header = FunctionHeader(vendorID: 0x1234, deviceID: 0x5446, classCode: 0xFF_0000, bars: Self.registers)
        header.interruptPin = 1
        header.msiVectors = Self.msiVectors
        header.msix = .init(vectors: Self.causeCount, bar: 1, pendingOffset: 0x800)
        super.init(header)
    }

    public override var name: String { "test function in slot \(slot)" }

    public override func saveRegisters() -> DeviceState { DeviceState(causes.withLock { $0 }) }

    public override func restoreRegisters(_ state: DeviceState) throws(StateError) {
        let saved: Causes = try state.value(of: name)
        causes.withLock { $0 = saved }
    }

    public override func readRegister(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        guard bar == 0, width == 4 else { return 0 }
        return causes.withLock { causes in
            switch offset {
            case Register.identification: UInt64(Self.identification)
            case Register.status: UInt64(causes.raised)
            case Register.count: UInt64(causes.count)
            default: 0
            }
        }
    }

    public override func writeRegister(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        guard bar == 0, width == 4 else { return }
        let bits = UInt32(truncatingIfNeeded: value) & Self.causeMask
        // The pin is set under the lock: concurrent writes of two processors must leave it in the state of the later
        // one.
        causes.withLock { causes in
            switch offset {
            case Register.raise:
                causes.raised |= bits
                causes.count &+= UInt32(bits.nonzeroBitCount)
                setPin(causes.raised != 0)
                for cause in 0..<Self.causeCount where bits >> UInt32(cause) & 1 != 0 { send(cause) }
            case Register.acknowledge:
                causes.raised &= ~bits
                setPin(causes.raised != 0)
            default: break
            }
        }
    }
}
