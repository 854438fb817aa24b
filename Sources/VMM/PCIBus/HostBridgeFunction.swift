import PCI
import Synchronization

/// Function 00:00.0, the host bridge: the parts of Intel's Q35 MCH that guests use, with its PCIEXBAR register, which
/// has the address of ECAM (Intel 3 Series Chipset datasheet, 5.1.16).
final class HostBridgeFunction: PCIFunction, Savable, @unchecked Sendable {
    // @unchecked: the registers are behind the lock, and where ECAM lies is atomic.
    private let space: Mutex<ConfigSpace>

    /// The current address of ECAM; nil while it is off.
    var ecam: UInt64? {
        let register = ecamBase.load(ordering: .relaxed)
        return register & 1 == 0 ? nil : register & 0xF000_0000
    }

    /// PCIEXBAR's lower half, separate from the others: every access to ECAM reads it.
    private let ecamBase: Atomic<UInt64>
    private static let ecamRegister = 0x60
    /// PAM0 to PAM6, which make the BIOS area writable on a PC; here it always is, and the registers only store their
    /// values.
    private static let shadowRegisters = 0x90..<0x97

    /// - Parameter hasFirmware: in its reset state, for firmware to set up; otherwise as firmware leaves it.
    init(hasFirmware: Bool) {
        var space = ConfigSpace(size: 4096)
        space.set(ConfigRegister.vendorID, 0x29C0_8086, width: 4)
        space.set(ConfigRegister.revisionAndClass, 0x0600_0000, width: 4)
        space.setMasks(ConfigRegister.command, width: 2, writable: 0x0106)
        if hasFirmware {
            // By these ids firmware detects fw_cfg; QEMU, docs/specs/pci-ids.rst.
            space.set(ConfigRegister.subsystemVendorID, 0x1100_1AF4, width: 4)
            space.setMasks(Self.ecamRegister, width: 4, writable: 0xF000_0001)
            for register in Self.shadowRegisters { space.setMasks(register, width: 1, writable: 0x33) }
        } else {
            // 256 MiB, enabled.
            space.set(Self.ecamRegister, UInt32(PhysicalLayout.ecam.lowerBound) | 1, width: 4)
        }
        ecamBase = Atomic(UInt64(space.read(Self.ecamRegister, width: 4)))
        self.space = Mutex(space)
        super.init()
    }

    func save() -> ConfigSpace { space.withLock { $0 } }

    func restore(_ state: ConfigSpace) {
        space.withLock { space in
            space = state
            ecamBase.store(UInt64(space.read(Self.ecamRegister, width: 4)), ordering: .relaxed)
        }
    }

    override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        space.withLock { $0.read(offset, width: width) }
    }

    override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        space.withLock { space in
            space.write(offset, value, width: width)
            ecamBase.store(UInt64(space.read(Self.ecamRegister, width: 4)), ordering: .relaxed)
        }
    }
}
