import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import VMM

@Suite struct RunStateTests {
    @Test func theFirstOutcomeWinsAndWakesOnce() throws {
        let woken = Mutex(0)
        let runState = try RunState { woken.withLock { $0 += 1 } }
        #expect(!runState.isFinished)
        #expect(runState.outcome == nil)
        runState.finish(.exitPort(3))
        runState.finish(.panic)
        #expect(runState.isFinished)
        #expect(runState.outcome == .exitPort(3))
        #expect(woken.withLock { $0 } == 1)
    }

    /// Ports and values by which guests end.
    @Test(
        arguments: [
            ("exit", 0, 0, 1, .exitPort(0)), ("exit", 0, 0xFF, 1, .exitPort(255)),
            ("exit", 0, 0x1_0203, 4, .exitPort(0x1_0203)), ("panic", 0, 1, 1, .panic),
            ("panic", 0, 3, 1, .panic), ("panic", 0, 2, 1, nil), ("power", 0, 0x2000, 2, .powerOff),
            ("power", 0, 0x3C00, 2, .powerOff),
            ("power", 0, 0x2000, 4, .powerOff), ("power", 0, 0xDFFF, 2, nil), ("power", 0, 0x20, 1, nil),
            ("keyboard", 4, 0xFE, 1, .reset("keyboard controller, port 0x64")), ("keyboard", 0, 0xFE, 1, nil),
            ("keyboard", 1, 0xFE, 1, nil),
            ("keyboard", 4, 0xFF, 1, nil), ("keyboard", 4, 0xD1, 1, nil),
            ("a20", 0, 3, 1, .reset("system control port 0x92")),
            ("a20", 0, 1, 1, .reset("system control port 0x92")), ("a20", 0, 2, 1, nil),
        ] as [(String, UInt64, UInt64, Int, Outcome?)])
    func whatAGuestWritesEndsTheRunOrNot(port: String, offset: UInt64, value: UInt64, width: Int, outcome: Outcome?)
        throws
    {
        let runState = try RunState {}
        let ports: [String: BusDevice] = [
            "exit": ExitPort(runState), "panic": PanicPort(runState), "power": PowerManagement(runState),
            "keyboard": KeyboardController(runState) { _ in },
            "a20": SystemControlA(runState),
        ]
        try #require(ports[port]).write(offset, value, width: width)
        #expect(runState.outcome == outcome)
    }

    @Test func theGateOfPort92ReadsBack() throws {
        let port = SystemControlA(try RunState {})
        #expect(port.read(0, width: 1) == 2)
        port.write(0, 0, width: 1)
        #expect(port.read(0, width: 1) == 0)
    }

    @Test func theLastPOSTCodeIsKept() {
        let port = POSTPort()
        #expect(port.code == nil)
        #expect(port.read(0, width: 1) == 0xFF)
        for value: UInt64 in [0x10, 0xFF, 0x1A5] { port.write(0, value, width: 1) }
        #expect(port.code == 0xA5)
        #expect(port.read(0, width: 1) == 0xA5)
    }
}

@Suite struct MainLoopTests {
    @Test func sourcesComeAndGo() throws {
        let loop = try MainLoop()
        let first = try EventDescriptor("first")
        let second = try EventDescriptor("second")
        let (raw, other) = (first.raw, second.raw)
        var calls: [String] = []
        let firstSource = try loop.add(raw) { calls.append("first") }
        let secondSource = try loop.add(other) { calls.append("second") }
        loop.wait(milliseconds: 0)
        #expect(calls.isEmpty)
        second.signal()
        loop.wait(milliseconds: -1)
        #expect(calls == ["second"])
        loop.remove(secondSource)
        loop.remove(secondSource)
        first.signal()
        loop.wait(milliseconds: -1)
        #expect(calls == ["second", "first"])
        // One that leaves while another is served is not called any more, though it was ready.
        loop.remove(firstSource)
        calls = []
        var sources: [MainLoop.Source] = []
        for raw in [raw, other] {
            sources.append(
                try loop.add(raw) {
                    calls.append("either")
                    for source in sources { loop.remove(source) }
                })
        }
        loop.wait(milliseconds: -1)
        #expect(calls == ["either"])
    }

    @Test func whatCanNotBeWaitedForIsRefused() throws {
        let loop = try MainLoop()
        let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        #expect(throws: SystemCallError.self) { try loop.add(file) {} }
    }
}
