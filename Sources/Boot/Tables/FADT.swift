import Bytes

/// The fixed ACPI description table: the board's ACPI hardware. ACPI 6.5, section 5.2.9.
struct FADT: Equatable, Sendable {
    let board: Board
    let facsAddress: UInt32
    let dsdtAddress: UInt32

    /// Table 5.10, the flags used here.
    enum Flag {
        /// WBINVD flushes all caches.
        static let wbinvd: UInt32 = 1 << 0
        /// All processors have C1.
        static let c1: UInt32 = 1 << 2
        /// There is no power button in fixed hardware.
        static let powerButton: UInt32 = 1 << 4
        /// There is no sleep button in fixed hardware.
        static let sleepButton: UInt32 = 1 << 5
        /// The RTC's alarm has no status bit in fixed hardware.
        static let fixedRTC: UInt32 = 1 << 6
        /// The timer has 32 bits, not 24.
        static let timer32: UInt32 = 1 << 8
        static let resetRegister: UInt32 = 1 << 10
        /// No monitor, keyboard or mouse.
        static let headless: UInt32 = 1 << 12
    }

    /// Table 5.11, "IA-PC Boot Architecture Flags".
    enum BootFlag {
        /// There are devices on the ISA bus: the serial port.
        static let legacyDevices: UInt16 = 1 << 0
        static let keyboardController: UInt16 = 1 << 1
        static let noVGA: UInt16 = 1 << 2
        /// The host manages the link power states of passed-through devices.
        static let noASPM: UInt16 = 1 << 4
        static let noRTC: UInt16 = 1 << 5
    }

    /// The byte of the RTC's memory that holds the century.
    static let centuryByte: UInt8 = 0x32

    var table: ACPITable {
        let power = board.powerManagement
        let event = GenericAddress.port(power.eventPort, bytes: 4, access: 2)
        let control = GenericAddress.port(power.controlPort, bytes: 2, access: 2)
        let timer = GenericAddress.port(power.timerPort, bytes: 4, access: 3)
        var writer = ByteWriter()
        writer.append(facsAddress)
        writer.append(dsdtAddress)
        writer.append(UInt8(0))
        // Preferred profile: enterprise server.
        writer.append(UInt8(4))
        writer.append(UInt16(power.interrupt))
        // No SMI command port and so no way out of ACPI mode, which is always on.
        writer.append(zeros: 4 + 4)
        writer.append(UInt32(power.eventPort))
        writer.append(UInt32(0))
        writer.append(UInt32(power.controlPort))
        writer.append(zeros: 4 + 4)
        writer.append(UInt32(power.timerPort))
        writer.append(zeros: 4 + 4)
        writer.append(contentsOf: [4, 2, 0, 4, 0, 0, 0, 0])
        // Latencies that mean: neither C2 nor C3.
        writer.append(UInt16(0xfff))
        writer.append(UInt16(0xfff))
        // Flush size and stride, duty offset and width, the RTC's day and month alarms: none.
        writer.append(zeros: 2 + 2 + 1 + 1 + 1 + 1)
        writer.append(board.clock != nil ? Self.centuryByte : 0)
        writer.append(bootFlags)
        writer.append(UInt8(0))
        writer.append(
            Flag.wbinvd | Flag.c1 | Flag.powerButton | Flag.sleepButton | Flag.fixedRTC | Flag.timer32
                | Flag.resetRegister
                | Flag.headless)
        writer.append(contentsOf: GenericAddress.port(power.resetPort, bytes: 1, access: 1).bytes)
        writer.append(power.resetValue)
        writer.append(UInt16(0))
        // The minor version.
        writer.append(UInt8(0))
        // The FACS has its 32-bit address above, and only one of the two may be set.
        writer.append(UInt64(0))
        writer.append(UInt64(dsdtAddress))
        let none = GenericAddress.none
        for register in [event, none, control, none, none, timer, none, none, none, none] {
            writer.append(contentsOf: register.bytes)
        }
        writer.append(contentsOf: Array("SWIFTLET".utf8))
        return ACPITable(signature: "FACP", revision: 6, body: writer.bytes)
    }

    private var bootFlags: UInt16 {
        BootFlag.legacyDevices | BootFlag.noVGA | BootFlag.noASPM
            | (board.hasKeyboardController ? BootFlag.keyboardController : 0)
            | (board.clock != nil ? 0 : BootFlag.noRTC)
    }
}

/// The firmware ACPI control structure, which firmware and system would use for sleep states; here it only exists. ACPI
/// 6.5, section 5.2.10. It has no checksum.
enum FACS {
    static let size = 64
    static let alignment = 64

    static var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: Array("FACS".utf8))
        writer.append(UInt32(size))
        // Hardware signature, waking vector, global lock, flags, 64-bit waking vector.
        writer.append(zeros: 4 + 4 + 4 + 4 + 8)
        writer.append(UInt8(2))
        writer.append(zeros: size - writer.bytes.count)
        return writer.bytes
    }
}
