import Synchronization

/// Port 0x402, QEMU's and Bochs's debug console: firmware's log messages, shown on the guest's console line by line, so
/// that they do not break up the text of firmware's screen. A read returns 0xe9, by which firmware detects the port;
/// SeaBIOS, docs/Debugging.md.
final class DebugConsole: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: the line is behind a lock.
    static let entry = BoardEntry("--debug-console console", at: 0x402)

    private static let lineLimit = 256
    private let console: ConsoleOutput
    private let line: Mutex<[UInt8]>

    init(_ console: ConsoleOutput) {
        self.console = console
        var line: [UInt8] = []
        line.reserveCapacity(Self.lineLimit)
        self.line = Mutex(line)
    }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 0xE9 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0 else { return }
        let byte = UInt8(truncatingIfNeeded: value)
        line.withLock { line in
            if byte != UInt8(ascii: "\n") { line.append(byte) }
            guard byte == UInt8(ascii: "\n") || line.count == Self.lineLimit else { return }
            for byte in line { console.put(byte) }
            console.put(UInt8(ascii: "\r"))
            console.put(UInt8(ascii: "\n"))
            line.removeAll(keepingCapacity: true)
        }
    }

    /// Returns the incomplete line.
    func save() -> [UInt8] { line.withLock { Array($0) } }

    func restore(_ state: [UInt8]) {
        line.withLock { line in
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: state.prefix(Self.lineLimit))
        }
    }
}

/// Port 0xE9, to which kernels print under Bochs and QEMU's isa-debugcon: each byte is shown on the guest's console at
/// once. A read returns 0xe9, by which a guest detects the port.
final class PortE9: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    static let entry = BoardEntry("--debug-console e9", at: 0xE9)
    private let console: ConsoleOutput

    init(_ console: ConsoleOutput) { self.console = console }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 0xE9 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if offset == 0 { console.put(UInt8(truncatingIfNeeded: value)) }
    }
}
