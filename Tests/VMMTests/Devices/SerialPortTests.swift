import KVM
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// The UART's registers; National Semiconductor PC16550D data sheet, section 8.
@Suite struct SerialPortTests {
    private let kernel = KernelDouble(asksKernel: false)
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
        serial = try SerialPort(vm: virtualMachine(on: kernel), gsi: 4, output: console)
    }

    private func read(_ register: UInt64) -> UInt64 { serial.read(register, width: 1) }
    private func write(_ register: UInt64, _ value: UInt64) { serial.write(register, value, width: 1) }
    private func receive(_ text: String) { Array(text.utf8).withUnsafeBytes { serial.receive($0) } }

    /// The levels of the interrupt line since the last call.
    private func levels() -> [UInt32] {
        defer { kernel.forget() }
        return kernel.calls("KVM_IRQ_LINE").map { call in
            #expect(call.word(0) == 4)
            return call.word(4)
        }
    }

    @Test func startsAsAfterReset() {
        #expect(read(Register.interruptEnable) == 0)
        #expect(read(Register.lineControl) == 0)
        #expect(read(Register.modemControl) == 0)
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
        #expect(read(0) == 0x34)
        #expect(read(1) == 0x12)
        write(Register.lineControl, 0x03)
        #expect(read(Register.interruptEnable) == 0)
        #expect(read(0) == 0)
        #expect(console.lastLines == "", "a divisor is not sent")
    }

    @Test func sendsWhatIsWritten() {
        for byte in "hello\n".utf8 { write(Register.data, UInt64(byte)) }
        #expect(console.lastLines == "hello\n")
        #expect(read(Register.lineStatus) == 0x60)
    }

    @Test func receivesInOrder() {
        write(Register.fifoControl, 0x01)
        receive("ab")
        receive("c")
        for byte in "abc".utf8 {
            #expect(read(Register.lineStatus) == 0x61)
            #expect(read(Register.data) == UInt64(byte))
        }
        #expect(read(Register.lineStatus) == 0x60)
        #expect(serial.backlog == 0)
    }

    @Test func theLineIsUpWhileReceivedBytesWait() {
        write(Register.fifoControl, 0x01)
        receive("a")
        #expect(levels() == [], "not enabled")
        write(Register.interruptEnable, 0x01)
        #expect(levels() == [1])
        for _ in 0..<2 { #expect(read(Register.identification) == 0xC4, "reading does not clear it") }
        receive("b")
        _ = read(Register.data)
        #expect(levels() == [], "one more waits")
        _ = read(Register.data)
        #expect(levels() == [0])
        #expect(read(Register.identification) == 0xC1)
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

    @Test("the transmitter's interrupt comes with every byte and is cleared by reading IIR")
    func transmitterInterrupt() {
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

    /// Reads for as long as a byte is there.
    private func drain() -> [UInt8] {
        var bytes: [UInt8] = []
        while read(Register.lineStatus) & 1 == 1 { bytes.append(UInt8(read(Register.data))) }
        return bytes
    }

    private let sixty = (0..<60).map { UInt8(32 + $0) }

    private func receive(_ bytes: [UInt8]) { bytes.withUnsafeBytes { serial.receive($0) } }

    /// Turning the FIFOs on or off empties them; data sheet, section 8.4, bit 0 of FCR.
    @Test func fifosAreShownAndReset() {
        write(Register.interruptEnable, 0x01)
        receive("abcd")
        #expect(read(Register.identification) == 0x04)
        write(Register.fifoControl, 0x01)
        #expect(read(Register.identification) == 0xC1, "the one byte held went")
        #expect(read(Register.lineStatus) == 0x60, "the one byte held went")
        serial.resume()
        #expect(read(Register.identification) == 0xC4)
        #expect(serial.backlog == 3)
        write(Register.fifoControl, 0x03)
        #expect(read(Register.identification) == 0xC1)
        #expect(read(Register.lineStatus) == 0x60)
        #expect(serial.backlog == 0)
        #expect(levels() == [1, 0, 1, 0])
        write(Register.fifoControl, 0)
        #expect(read(Register.identification) == 0x01)
    }

    @Test(arguments: [(0x00, 1), (0x01, 16), (0xC1, 16)] as [(UInt64, Int)])
    func aBurstIsWhatTheReceiverHolds(control: UInt64, count: Int) {
        write(Register.fifoControl, control)
        receive(sixty)
        var bytes = drain()
        #expect(bytes.count == count)
        for _ in 0..<60 / count { bytes += drain() }
        #expect(bytes == sixty)
    }

    /// With the interrupt on the FIFO is filled ahead, and its reset takes as much; a guest that polls has taken
    /// nothing ahead.
    @Test(arguments: [(0, 0x01, 0), (0, 0x00, 0), (1, 0x01, 16), (1, 0x00, 1)] as [(UInt64, UInt64, Int)])
    func aResetTakesWhatTheReceiverHolds(interrupts: UInt64, control: UInt64, lost: Int) {
        write(Register.interruptEnable, interrupts)
        write(Register.fifoControl, control)
        receive(sixty)
        #expect(read(Register.lineStatus) == 0x61)
        write(Register.fifoControl, control == 0 ? 0x01 : 0x03)
        #expect(read(Register.lineStatus) == 0x60, "empty after the reset")
        var bytes: [UInt8] = []
        for _ in 0..<5 {
            serial.resume()
            bytes += drain()
        }
        #expect(bytes == Array(sixty[lost...]))
    }

    @Test func onlyTheFIFOsResetOrNothingIsLost() {
        write(Register.interruptEnable, 0x01)
        write(Register.fifoControl, 0x01)
        receive("abc")
        write(Register.fifoControl, 0x05)
        write(Register.fifoControl, 0x81)
        #expect(drain() == Array("abc".utf8), "the transmitter's reset and another trigger level")
    }

    /// A guest that reads as many bytes as the level promises, and then waits for the next interrupt.
    @Test(arguments: [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)] as [(UInt64, Int)])
    func theTriggerLevelAndTheTimeoutInterrupt(control: UInt64, level: Int) {
        write(Register.fifoControl, control)
        write(Register.interruptEnable, 0x01)
        receive(sixty)
        var bytes: [UInt8] = []
        var interrupts = 0
        while bytes.count < 60, interrupts < 200 {
            serial.resume()
            if interrupts > 0 { #expect(levels().last == 1, "a new edge for each interrupt") }
            interrupts += 1
            switch read(Register.identification) {
            case 0xC4:
                while read(Register.identification) == 0xC4, bytes.count < 60 {
                    bytes.append(UInt8(read(Register.data)))
                }
            case 0xCC: bytes.append(UInt8(read(Register.data)))
            default: Issue.record("no interrupt")
            }
            guard level > 1, serial.backlog > 0 else { continue }
            #expect(read(Register.identification) == 0xC1, "the timeout is yet to come")
        }
        #expect(bytes == sixty)
    }

    @Test func fewerThanTheTriggerLevelTimeOut() {
        write(Register.fifoControl, 0xC1)
        write(Register.interruptEnable, 0x01)
        receive("ab")
        #expect(read(Register.identification) == 0xCC)
        #expect(levels() == [1])
        _ = read(Register.data)
        #expect(read(Register.identification) == 0xC1, "reading starts the time anew")
        #expect(levels() == [0], "reading starts the time anew")
        #expect(serial.attention.readCount() == 1)
        serial.resume()
        #expect(read(Register.identification) == 0xCC)
        #expect(levels() == [1])
        _ = read(Register.data)
        #expect(levels() == [0], "nothing more to come")
        #expect(serial.attention.readCount() == 0, "nothing more to come")
    }

    /// A guest that takes interrupts is interrupted again only when the main thread has been asked and came.
    @Test("the FIFO is refilled a while after it ran empty")
    func fifoRefill() {
        write(Register.fifoControl, 0x81)
        write(Register.interruptEnable, 0x01)
        receive(sixty)
        #expect(drain().count == 16)
        #expect(read(Register.identification) == 0xC1)
        #expect(levels() == [1, 0])
        #expect(serial.attention.readCount() == 1)
        serial.resume()
        #expect(levels() == [1])
        #expect(drain() == Array(sixty[16..<32]))
    }

    @Test func moreIsTakenFromTheHostWhenHalfIsGone() {
        #expect(serial.room() == SerialPort.waitingLimit)
        receive([UInt8](repeating: 65, count: SerialPort.waitingLimit))
        #expect(serial.room() == 0)
        func take(_ count: Int) {
            for _ in 0..<count {
                while read(Register.lineStatus) & 1 == 0 {}
                _ = read(Register.data)
            }
        }
        take(SerialPort.waitingLimit / 2 - 1)
        #expect(serial.attention.readCount() == 0)
        take(1)
        #expect(serial.attention.readCount() == 1)
        #expect(serial.room() == SerialPort.waitingLimit / 2)
    }

    /// The changed inputs' bits, and their interrupt; data sheet, section 8.8. A ringing that begins is none, one that
    /// ends is.
    @Test func modemInputsThatChangeAreTold() {
        write(Register.modemControl, 0x1F)
        _ = read(Register.modemStatus)
        write(Register.interruptEnable, 0x08)
        #expect(read(Register.identification) == 0x01)
        write(Register.modemControl, 0x1A)
        #expect(read(Register.identification) == 0x00)
        #expect(levels() == [1])
        #expect(read(Register.modemStatus) == 0x96, "DSR changed, the ring ended")
        #expect(read(Register.identification) == 0x01)
        #expect(levels() == [0])
        #expect(read(Register.modemStatus) == 0x90)
        write(Register.modemControl, 0x1E)
        #expect(read(Register.modemStatus) == 0xD0, "a ring that begins")
    }

    @Test func loopbackWithoutFIFOHoldsTheLastByte() {
        write(Register.modemControl, 0x10)
        write(Register.data, 1)
        write(Register.data, 2)
        #expect(read(Register.lineStatus) == 0x63)
        #expect(read(Register.data) == 2)
        #expect(read(Register.lineStatus) == 0x60)
    }

    /// In loopback the line is cut off: what the host has comes afterwards.
    @Test func theHostsBytesWaitForTheEndOfLoopback() {
        write(Register.modemControl, 0x10)
        receive("ab")
        #expect(read(Register.lineStatus) == 0x60)
        write(Register.data, 0x55)
        #expect(read(Register.data) == 0x55)
        write(Register.modemControl, 0x00)
        #expect(drain() + drain() + drain() == Array("ab".utf8))
    }

    @Test func loopbackTurnsBytesAndModemLinesAround() {
        write(Register.modemControl, 0x10)
        write(Register.data, 0x55)
        #expect(console.lastLines == "")
        #expect(read(Register.lineStatus) & 1 == 1)
        #expect(read(Register.data) == 0x55)
        // DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
        for (control, status) in [(0x01, 0x20), (0x02, 0x10), (0x04, 0x40), (0x08, 0x80), (0x0F, 0xF0), (0, 0)]
            as [(UInt64, UInt64)]
        {
            write(Register.modemControl, 0x10 | control)
            #expect(read(Register.modemStatus) & 0xF0 == status)
        }
        write(Register.modemControl, 0xFF)
        #expect(read(Register.modemControl) == 0x1F)
    }

    /// A guest that sends to itself and never reads costs the host no more than the FIFO, and is told that bytes were
    /// lost.
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

    /// The main thread asks for the backlog before it drains: with the console full and a vCPU waiting for room it must
    /// still get an answer.
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
        #expect(read(8) == 0xFF)
        #expect(read(UInt64.max) == 0xFF)
    }

    @Test func manyBytesComeThroughWhateverTheGuestsPace() {
        var expected: [UInt8] = []
        var taken: [UInt8] = []
        write(Register.fifoControl, 0x01)
        for round in 0..<2000 {
            let text = (0..<round % 7).map { UInt8(truncatingIfNeeded: round + $0) }
            expected += text
            text.withUnsafeBytes { serial.receive($0) }
            // One short of all: something always waits.
            while serial.backlog > 1 {
                if read(Register.lineStatus) & 1 == 1 { taken.append(UInt8(read(Register.data))) }
            }
        }
        taken += drain() + drain()
        #expect(taken == expected)
    }
}
