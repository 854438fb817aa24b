/// The registers of a 16550A and their bits, with the names of National Semiconductor's PC16550D data sheet, section 8
/// (table II).
enum UART {
    /// Offsets from the base port. With `LineControl.divisorLatchAccess` the first two are the divisor latch.
    enum Register {
        /// RBR when read, THR when written.
        static let data: UInt64 = 0
        static let interruptEnable: UInt64 = 1
        /// IIR when read.
        static let interruptIdentification: UInt64 = 2
        /// FCR when written.
        static let fifoControl: UInt64 = 2
        static let lineControl: UInt64 = 3
        static let modemControl: UInt64 = 4
        static let lineStatus: UInt64 = 5
        static let modemStatus: UInt64 = 6
        static let scratch: UInt64 = 7
        /// DLL and DLM.
        static let divisorLow: UInt64 = 0
        static let divisorHigh: UInt64 = 1
    }

    /// IER.
    struct InterruptEnable: OptionSet, Sendable {
        let rawValue: UInt8

        static let receivedData = InterruptEnable(rawValue: 1 << 0)
        static let transmitterEmpty = InterruptEnable(rawValue: 1 << 1)
        static let lineStatus = InterruptEnable(rawValue: 1 << 2)
        static let modemStatus = InterruptEnable(rawValue: 1 << 3)
        /// Bits 4 to 7 are always zero.
        static let all: InterruptEnable = [.receivedData, .transmitterEmpty, .lineStatus, .modemStatus]
    }

    /// IIR, bits 0 to 3: the cause of the interrupt, by priority; section 8.6, table IV.
    enum Interrupt: UInt8 {
        case lineStatus = 0x06
        case receivedData = 0x04
        case characterTimeout = 0x0C
        case transmitterEmpty = 0x02
        case modemStatus = 0x00
        case none = 0x01
    }

    /// IIR, bits 6 and 7: the FIFOs are on.
    static let fifosEnabled: UInt8 = 0xC0

    /// FCR.
    struct FIFOControl: OptionSet, Sendable {
        let rawValue: UInt8

        static let enable = FIFOControl(rawValue: 1 << 0)
        static let resetReceiver = FIFOControl(rawValue: 1 << 1)

        /// Bits 6 and 7: the number of bytes that triggers the receiver's interrupt.
        var trigger: Int {
            switch rawValue >> 6 {
            case 0: 1
            case 1: 4
            case 2: 8
            default: 14
            }
        }
    }

    /// LCR.
    struct LineControl: OptionSet, Sendable {
        let rawValue: UInt8

        /// DLAB.
        static let divisorLatchAccess = LineControl(rawValue: 1 << 7)
    }

    /// MCR.
    struct ModemControl: OptionSet, Sendable {
        let rawValue: UInt8

        static let dataTerminalReady = ModemControl(rawValue: 1 << 0)
        static let requestToSend = ModemControl(rawValue: 1 << 1)
        static let out1 = ModemControl(rawValue: 1 << 2)
        static let out2 = ModemControl(rawValue: 1 << 3)
        static let loopback = ModemControl(rawValue: 1 << 4)
        /// Bits 5 to 7 are always zero.
        static let all: ModemControl = [.dataTerminalReady, .requestToSend, .out1, .out2, .loopback]
    }

    /// LSR.
    struct LineStatus: OptionSet, Sendable {
        let rawValue: UInt8

        static let dataReady = LineStatus(rawValue: 1 << 0)
        static let overrunError = LineStatus(rawValue: 1 << 1)
        static let transmitterHoldingEmpty = LineStatus(rawValue: 1 << 5)
        static let transmitterEmpty = LineStatus(rawValue: 1 << 6)
    }

    /// MSR: the inputs in the high four bits; their changes since the last read in the low four bits, for the ring
    /// indicator only its end.
    struct ModemStatus: OptionSet, Sendable {
        let rawValue: UInt8

        static let clearToSend = ModemStatus(rawValue: 1 << 4)
        static let dataSetReady = ModemStatus(rawValue: 1 << 5)
        static let ringIndicator = ModemStatus(rawValue: 1 << 6)
        static let carrierDetect = ModemStatus(rawValue: 1 << 7)

        /// Returns the change bits for a change of the inputs. The ring indicator's only reports its end.
        static func changes(from before: ModemStatus, to after: ModemStatus) -> ModemStatus {
            let changed = before.symmetricDifference(after)
            let told = changed.subtracting(.ringIndicator).union(
                before.intersection(changed).intersection(.ringIndicator))
            return ModemStatus(rawValue: told.rawValue >> 4)
        }
    }
}
