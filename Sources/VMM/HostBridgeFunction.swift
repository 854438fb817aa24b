import PCI
import Synchronization

/// Function 00:00.0: the host bridge itself, as far as a guest asks it: Intel's Q35 MCH with its PCIEXBAR register, which says where ECAM is
/// (Intel 3 Series Chipset datasheet, 5.1.16).
final class HostBridgeFunction: PCIFunction, @unchecked Sendable {
    private let space: Mutex<ConfigSpace>

    override init() {
        var space = ConfigSpace(size: 4096)
        space.set(ConfigRegister.vendorID, 0x29C0_8086, width: 4)
        space.set(ConfigRegister.revisionAndClass, 0x0600_0000, width: 4)
        space.own(ConfigRegister.command, width: 2, writable: 0x0106)
        // 256 MiB, enabled.
        space.set(0x60, UInt32(PhysicalLayout.ecam.lowerBound) | 1, width: 4)
        self.space = Mutex(space)
        super.init()
    }

    override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        space.withLock { $0.read(offset, width: width) }
    }

    override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        space.withLock { $0.write(offset, value, width: width) }
    }
}
