import Synchronization
import Testing

@testable import VMM

@Suite struct EndingTests {
    @Test func theFirstOutcomeWinsAndWakesOnce() {
        let woken = Mutex(0)
        let ending = Ending { woken.withLock { $0 += 1 } }
        #expect(!ending.isFinished && ending.outcome == nil)
        ending.finish(.exitPort(3))
        ending.finish(.panic)
        #expect(ending.isFinished && ending.outcome == .exitPort(3))
        #expect(woken.withLock { $0 } == 1)
    }

    /// Ports and values by which guests end.
    @Test(
        arguments: [
            ("exit", 0, 0, 1, .exitPort(0)), ("exit", 0, 0xFF, 1, .exitPort(255)), ("exit", 0, 0x1_0203, 4, .exitPort(0x1_0203)), ("panic", 0, 1, 1, .panic),
            ("panic", 0, 3, 1, .panic), ("panic", 0, 2, 1, nil), ("power", 0, 0x2000, 2, .powerOff), ("power", 0, 0x3C00, 2, .powerOff),
            ("power", 0, 0x2000, 4, .powerOff), ("power", 0, 0xDFFF, 2, nil), ("power", 0, 0x20, 1, nil),
            ("keyboard", 4, 0xFE, 1, .reset("keyboard controller, port 0x64")), ("keyboard", 0, 0xFE, 1, nil), ("keyboard", 1, 0xFE, 1, nil),
            ("keyboard", 4, 0xFF, 1, nil), ("keyboard", 4, 0xD1, 1, nil), ("a20", 0, 3, 1, .reset("system control port 0x92")),
            ("a20", 0, 1, 1, .reset("system control port 0x92")), ("a20", 0, 2, 1, nil),
        ] as [(String, UInt64, UInt64, Int, Outcome?)])
    func whatAGuestWritesEndsTheRunOrNot(port: String, offset: UInt64, value: UInt64, width: Int, outcome: Outcome?) throws {
        let ending = Ending {}
        let ports: [String: BusDevice] = [
            "exit": ExitPort(ending), "panic": PanicPort(ending), "power": PowerManagement(ending), "keyboard": KeyboardController(ending) { _ in },
            "a20": SystemControlA(ending),
        ]
        try #require(ports[port]).write(offset, value, width: width)
        #expect(ending.outcome == outcome)
    }

    @Test func theGateOfPort92ReadsBack() {
        let port = SystemControlA(Ending {})
        #expect(port.read(0, width: 1) == 2)
        port.write(0, 0, width: 1)
        #expect(port.read(0, width: 1) == 0)
    }

    @Test func theLastPOSTCodeIsKept() {
        let port = POSTPort()
        #expect(port.code == nil && port.read(0, width: 1) == 0xFF)
        for value: UInt64 in [0x10, 0xFF, 0x1A5] { port.write(0, value, width: 1) }
        #expect(port.code == 0xA5 && port.read(0, width: 1) == 0xA5)
    }
}
