import Testing

@testable import VMM

/// The registers of a display that is not there.
@Suite struct CRTControllerTests {
    private let display = CRTController()

    @Test func registersKeepWhatIsWritten() {
        for index in 0...0x18 as ClosedRange<UInt64> {
            display.write(0, index, width: 1)
            #expect(display.read(1, width: 1) & 0xFF == 0)
            display.write(1, index ^ 0xA5, width: 1)
        }
        for index in 0...0x18 as ClosedRange<UInt64> {
            display.write(0, index, width: 1)
            #expect(display.read(0, width: 1) & 0xFF == index)
            #expect(display.read(1, width: 1) & 0xFF == index ^ 0xA5)
        }
    }

    @Test func othersReadAllOnes() {
        for index in [0x19, 0x80, 0xFF] as [UInt64] {
            display.write(0, index, width: 1)
            display.write(1, 0x12, width: 1)
            #expect(display.read(0, width: 1) & 0xFF == index)
            #expect(display.read(1, width: 1) & 0xFF == 0xFF)
        }
    }

    @Test func aWordWritesIndexAndRegister() {
        display.write(0, 0x120C, width: 2)
        display.write(0, 0x340D, width: 2)
        #expect(display.start == 0x1234)
        #expect(display.read(0, width: 2) & 0xFFFF == 0x340D)
    }

    @Test func retraceComesAndGoes() {
        let status = DisplayStatus()
        #expect(status.read(0, width: 1) == 0x09)
        #expect(status.read(0, width: 1) == 0)
        #expect(status.read(0, width: 1) == 0x09)
    }
}
