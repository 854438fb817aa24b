import Synchronization
import Testing

@testable import VMM

/// The keyboard controller's commands; IBM PS/2 Hardware Interface Technical Reference.
@Suite struct KeyboardControllerTests {
    private final class Line: Sendable {
        let levels = Mutex<[Bool]>([])
    }

    private let line = Line()
    private let runState: RunState
    private let controller: KeyboardController

    init() throws {
        runState = try RunState {}
        let line = line
        controller = KeyboardController(runState) { level in line.levels.withLock { $0.append(level) } }
    }

    private var status: UInt64 { controller.read(4, width: 1) }
    private var data: UInt64 { controller.read(0, width: 1) }
    private func command(_ value: UInt64) { controller.write(4, value, width: 1) }
    private func put(_ value: UInt64) { controller.write(0, value, width: 1) }
    /// A command's answer; nil where none is there by the time it was written.
    private func ask(_ value: UInt64) -> UInt64? {
        command(value)
        return status & 1 == 0 ? nil : data
    }

    @Test func startsEmptyAndReadyToTake() {
        #expect(status & 0x03 == 0, "neither output nor input waits")
        #expect(controller.read(2, width: 1) == .max, "what lies between the ports is not its")
    }

    @Test(
        arguments: [
            (0xAA, 0x55), (0xAB, 0x01), (0xA9, 0x01), (0xC0, 0x80), (0xD0, 0x03), (0xE0, 0x00), (0x20, 0x30),
            (0x3F, 0x00), (0xAD, nil), (0xAE, nil),
            (0xA7, nil), (0xA8, nil), (0xDD, nil), (0xDF, nil), (0xFF, nil), (0x60, nil), (0xD1, nil), (0x00, nil),
        ] as [(UInt64, UInt64?)])
    func answersAtOnce(value: UInt64, answer: UInt64?) {
        #expect(ask(value) == answer)
        #expect(status & 1 == 0)
        #expect(runState.outcome == nil)
    }

    @Test func theSelfTestSetsTheSystemFlag() {
        #expect(status & 4 == 0)
        #expect(ask(0xAA) == 0x55)
        #expect(status & 4 == 4)
    }

    @Test func keepsItsMemory() {
        for place: UInt64 in 1..<32 {
            command(0x60 + place)
            put(place * 7)
        }
        for place: UInt64 in 1..<32 { #expect(ask(0x20 + place) == place * 7) }
        command(0x60)
        put(0x04)
        #expect(ask(0x20) == 0x04)
        #expect(status & 4 == 4)
        command(0xAD)
        command(0xA7)
        #expect(ask(0x20) == 0x34)
        command(0xAE)
        command(0xA8)
        #expect(ask(0x20) == 0x04)
    }

    @Test func nobodyIsAtItsPorts() {
        put(0xFF)
        #expect(status & 0x41 == 0x41, "an answer, and that it is a time-out")
        #expect(data == 0xFE)
        #expect(status & 0x41 == 0)
        command(0xD4)
        put(0xF2)
        #expect(status & 0x61 == 0x41, "not marked as the mouse's")
        #expect(data == 0xFE, "not marked as the mouse's")
        command(0xD3)
        put(0x5A)
        #expect(status & 0x21 == 0x01, "the loop of a mouse that is not there")
        #expect(data == 0x5A, "the loop of a mouse that is not there")
    }

    @Test func theGateReadsBack() {
        command(0xDD)
        #expect(ask(0xD0) == 0x01)
        command(0xDF)
        #expect(ask(0xD0) == 0x03)
        command(0xD1)
        put(0xDD)
        #expect(ask(0xD0) == 0xDD)
        #expect(runState.outcome == nil)
    }

    @Test func interruptsWhereItIsAskedTo() {
        _ = ask(0xAA)
        #expect(line.levels.withLock { $0.isEmpty })
        command(0x60)
        put(0x01)
        command(0xAA)
        #expect(line.levels.withLock { $0 } == [true])
        #expect(data == 0x55)
        #expect(line.levels.withLock { $0 } == [true, false])
    }

    @Test(arguments: [0xF0, 0xFC, 0xFE] as [UInt64])
    func thePulseOfLineZeroResets(value: UInt64) {
        command(value)
        #expect(runState.outcome == .reset("keyboard controller, port 0x64"))
    }

    @Test func theOutputPortResets() {
        command(0xD1)
        put(0xDF)
        #expect(runState.outcome == nil)
        command(0xD1)
        put(0xDE)
        #expect(runState.outcome == .reset("keyboard controller's output port"))
    }

    @Test func aDataByteIsNotACommand() {
        command(0x60)
        put(0xFE)
        put(0xFE)
        #expect(runState.outcome == nil)
        #expect(ask(0x20) == 0xFE)
    }

    @Test func standsAnything() {
        for first: UInt64 in 0..<256 where !(0xF0...0xFF).contains(first) {
            for second: UInt64 in [0, 0x0F, 0x55, 0xFF] {
                command(first)
                put(second | 1)
                _ = (status, data)
            }
        }
        #expect(runState.outcome == nil)
        #expect(ask(0xAA) == 0x55)
    }
}
