import KVM
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// The UART's registers; National Semiconductor PC16550D data sheet, section 8.
@Suite struct SerialPortTests {
    private let door = RecordingDoor(asksKernel: false)
    private let serial: SerialPort
    private let console: ConsoleOutput

    private enum Register {
        static let data: UInt64 = 0
        static let interruptEnable: UInt64 = 1
        static let identification: UInt64 = 2
        static let fifoControl: UInt64 = 2
        static let lineControl: UInt64 = 3
        static let modemControl: UInt64 = 4
        static let lineStatus: UInt64 = 5
        static let modemStatus: UInt64 = 6
        static let scratch: UInt64 = 7
    }

    init() throws {
        console = try ConsoleOutput(destination: nil)
        serial = SerialPort(vm: doorMachine(door), gsi: 4, output: console)
    }

    private func read(_ register: UInt64) -> UInt64 { serial.read(register, width: 1) }
    private func write(_ register: UInt64, _ value: UInt64) { serial.write(register, value, width: 1) }
    private func receive(_ text: String) { Array(text.utf8).withUnsafeBytes { serial.receive($0) } }

    /// The levels of the interrupt line since the last call.
    private func levels() -> [UInt32] {
        defer { door.forget() }
        return door.calls("KVM_IRQ_LINE").map { call in
            #expect(call.word(0) == 4)
            return call.word(4)
        }
    }

    @Test func startsAsAfterReset() {
        #expect(read(Register.interruptEnable) == 0 && read(Register.lineControl) == 0 && read(Register.modemControl) == 0)
        #expect(read(Register.identification) == 0x01, "no interrupt, FIFOs off")
        #expect(read(Register.lineStatus) == 0x60, "transmitter empty, nothing received")
        #expect(read(Register.modemStatus) & 0xF0 == 0xB0, "a carrier, ready, clear to send")
        #expect(read(Register.data) == 0)
    }

    @Test func keepsScratchAndDivisorApartFromData() {
        write(Register.scratch, 0x5A)
        #expect(read(Register.scratch) == 0x5A)
        write(Register.lineControl, 0x83)
        write(0, 0x34)
        write(1, 0x12)
        #expect(read(0) == 0x34 && read(1) == 0x12)
        write(Register.lineControl, 0x03)
        #expect(read(Register.interruptEnable) == 0 && read(0) == 0)
        #expect(console.lastLines == "", "a divisor is not sent")
    }

    @Test func sendsWhatIsWritten() {
        for byte in "hello\n".utf8 { write(Register.data, UInt64(byte)) }
        #expect(console.lastLines == "hello\n")
        #expect(read(Register.lineStatus) == 0x60)
    }

    @Test func receivesInOrder() {
        receive("ab")
        receive("c")
        for byte in "abc".utf8 {
            #expect(read(Register.lineStatus) == 0x61)
            #expect(read(Register.data) == UInt64(byte))
        }
        #expect(read(Register.lineStatus) == 0x60 && serial.backlog == 0)
    }

    @Test func theLineIsUpWhileReceivedBytesWait() {
        receive("a")
        #expect(levels() == [], "not enabled")
        write(Register.interruptEnable, 0x01)
        #expect(levels() == [1])
        #expect(read(Register.identification) == 0x04 && read(Register.identification) == 0x04, "reading does not clear it")
        receive("b")
        _ = read(Register.data)
        #expect(levels() == [], "one more waits")
        _ = read(Register.data)
        #expect(levels() == [0])
        #expect(read(Register.identification) == 0x01)
    }

    @Test func receptionGoesBeforeTransmission() {
        write(Register.interruptEnable, 0x03)
        receive("a")
        #expect(read(Register.identification) == 0x04)
        _ = read(Register.data)
        #expect(read(Register.identification) == 0x02)
        #expect(read(Register.identification) == 0x01, "reading cleared it")
        #expect(levels() == [1, 0])
    }

    @Test func theTransmittersInterruptComesWithEveryByteAndGoesWhenIdentified() {
        write(Register.interruptEnable, 0x02)
        #expect(levels() == [1], "it is empty as it is enabled")
        #expect(read(Register.identification) == 0x02)
        #expect(levels() == [0])
        write(Register.data, 0x41)
        #expect(levels() == [1])
        write(Register.interruptEnable, 0)
        #expect(levels() == [0])
        write(Register.interruptEnable, 0x02)
        #expect(levels() == [1], "enabling it asks again")
    }

    @Test func fifosAreShownAndReset() {
        receive("abc")
        write(Register.interruptEnable, 0x01)
        write(Register.fifoControl, 0x01)
        #expect(read(Register.identification) == 0xC4)
        #expect(serial.backlog == 3, "enabling them keeps what waits")
        write(Register.fifoControl, 0x03)
        #expect(read(Register.identification) == 0xC1 && read(Register.lineStatus) == 0x60)
        #expect(levels() == [1, 0])
        write(Register.fifoControl, 0)
        #expect(read(Register.identification) == 0x01)
    }

    @Test func loopbackTurnsBytesAndModemLinesAround() {
        write(Register.modemControl, 0x10)
        write(Register.data, 0x55)
        #expect(console.lastLines == "")
        #expect(read(Register.lineStatus) & 1 == 1 && read(Register.data) == 0x55)
        // DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
        for (control, status) in [(0x01, 0x20), (0x02, 0x10), (0x04, 0x40), (0x08, 0x80), (0x0F, 0xF0), (0, 0)] as [(UInt64, UInt64)] {
            write(Register.modemControl, 0x10 | control)
            #expect(read(Register.modemStatus) & 0xF0 == status)
        }
        write(Register.modemControl, 0xFF)
        #expect(read(Register.modemControl) == 0x1F)
    }

    /// A guest that sends to itself and never reads costs the host no more than the FIFO, and is told that bytes were lost.
    @Test func loopbackHoldsNoMoreThanTheFIFO() {
        write(Register.fifoControl, 0x01)
        write(Register.modemControl, 0x10)
        for byte in 0..<100 { write(Register.data, UInt64(byte)) }
        #expect(serial.backlog == 16)
        write(Register.interruptEnable, 0x07)
        #expect(read(Register.identification) == 0xC6, "line status goes first")
        #expect(read(Register.lineStatus) & 0x02 == 0x02, "overrun")
        #expect(read(Register.identification) == 0xC4)
        #expect(read(Register.lineStatus) & 0x02 == 0, "and reading clears it")
        for byte in 0..<16 { #expect(read(Register.data) == UInt64(byte)) }
        #expect(read(Register.lineStatus) == 0x60)
    }

    /// The main thread asks for the backlog before it drains: with the console full and a vCPU waiting for room it must still get an answer.
    @Test func aFullConsoleDoesNotCloseThePort() throws {
        let (serial, written, answered) = (serial, Counter(), Counter())
        let guest = try Thread("guest") {
            for _ in 0..<100_000 {
                serial.write(0, 0x41, width: 1)
                written.count.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(eventually { written.count.load(ordering: .relaxed) == 65_536 }, "as much as the console holds")
        let main = try Thread("main") {
            _ = serial.backlog
            answered.count.store(1, ordering: .relaxed)
        }
        #expect(eventually { answered.count.load(ordering: .relaxed) == 1 })
        console.close()
        guest.join()
        main.join()
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    @Test func interruptEnableHasFourBits() {
        write(Register.interruptEnable, 0xFF)
        #expect(read(Register.interruptEnable) == 0x0F)
    }

    @Test func registersThatAreNotThereReadAllOnes() {
        write(8, 1)
        #expect(read(8) == 0xFF && read(UInt64.max) == 0xFF)
    }

    @Test func manyBytesComeThroughWhateverTheGuestsPace() {
        var expected: [UInt8] = []
        var taken: [UInt8] = []
        for round in 0..<2000 {
            let text = (0..<round % 7).map { UInt8(truncatingIfNeeded: round + $0) }
            expected += text
            text.withUnsafeBytes { serial.receive($0) }
            // One short of all: something always waits.
            while serial.backlog > 1 { taken.append(UInt8(read(Register.data))) }
        }
        while serial.backlog > 0 { taken.append(UInt8(read(Register.data))) }
        #expect(taken == expected)
    }
}
