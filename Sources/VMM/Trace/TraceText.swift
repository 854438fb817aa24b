import Bytes
import KVM
import PCI

/// Events in the Chrome trace-event format: one JSON object per line, each with a comma before its line.
///
/// "Trace Event Format", Google, 2016: X is a slice with a start and a duration, i an instant, M names a process or a
/// thread. Times are microseconds, here with three decimals.
struct TraceText {
    /// The tracks other than vCPUs, each a thread of process 1.
    enum Track {
        static let run = 1
        static let console = 2
        static let interrupts = 3
        static func vcpu(_ number: Int) -> Int { 100 + number }
    }

    private(set) var bytes: [UInt8] = []
    /// Subtracted from every time.
    let origin: UInt64

    init(origin: UInt64) { self.origin = origin }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    // MARK: Events

    mutating func slice(_ track: Int, _ name: StaticString, from start: UInt64, to end: UInt64, category: StaticString)
    {
        open("X", track, start, category)
        write(",\"dur\":")
        time(end > start ? end - start : 0)
        write(",\"name\":\"")
        write(name)
        write("\"}")
    }

    /// Adds an instant on its track, in the scope of its thread. Its argument repeats the name: viewers list arguments,
    /// and truncate names.
    mutating func instant(
        _ track: Int, at time: UInt64, category: StaticString, name: String, arguments: [(String, String)] = []
    ) {
        open("i", track, time, category)
        write(",\"s\":\"t\",\"name\":")
        string(name)
        write(",\"args\":{\"text\":")
        string(name)
        for argument in arguments {
            write(",")
            string(argument.0)
            write(":")
            string(argument.1)
        }
        write("}}")
    }

    /// Names a track, or with `process` the process.
    mutating func name(_ track: Int, _ name: String, process: Bool = false) {
        open("M", track, origin, "__metadata")
        write(process ? ",\"name\":\"process_name\"" : ",\"name\":\"thread_name\"")
        write(",\"args\":{\"name\":")
        string(name)
        write("}}")
        guard !process else { return }
        open("M", track, origin, "__metadata")
        write(",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":")
        number(UInt64(track))
        write("}}")
    }

    /// Adds a vCPU's time in its guest, and the exit that ended it.
    /// - Parameter names: the names of the functions, by slot.
    mutating func exit(_ track: Int, _ entry: TraceEntry, names: [String]) {
        // The duration of the halt is known, but not its position.
        let idle = entry.left &- entry.halted &- entry.waited
        slice(track, "guest", from: entry.entered, to: idle, category: "guest")
        if entry.halted > 0 { slice(track, "halted", from: idle, to: idle &+ entry.halted, category: "halted") }
        if entry.waited > 0 {
            slice(track, "no processor", from: entry.left &- entry.waited, to: entry.left, category: "waiting")
        }
        let kind = VCPUExit.Kind(rawValue: Int(entry.kind)) ?? .unknown
        open("X", track, entry.left, "exit")
        write(",\"dur\":")
        time(entry.served > entry.left ? entry.served - entry.left : 0)
        write(",\"name\":\"")
        for byte in kind.name.utf8 { bytes.append(byte) }
        guard [.portOut, .portIn, .mmioRead, .mmioWrite].contains(kind) else { return write("\"}") }
        let bar = Self.bar(entry, names)
        if let bar {
            write(" ")
            // A name of swiftlet or of the host: it contains no quotes.
            for byte in bar.utf8 { bytes.append(byte) }
            write(" + 0x")
            hexadecimal(entry.offset)
        } else {
            write(" 0x")
            hexadecimal(entry.address)
        }
        write("\",\"args\":{\"kind\":\"")
        for byte in kind.name.utf8 { bytes.append(byte) }
        write("\",\"address\":\"0x")
        hexadecimal(entry.address)
        write("\",\"value\":\"0x")
        hexadecimal(entry.value)
        write("\",\"width\":")
        number(UInt64(entry.width))
        if entry.count > 1 {
            write(",\"count\":")
            number(UInt64(entry.count))
        }
        if let bar {
            write(",\"bar\":")
            string(bar)
            write(",\"offset\":\"0x")
            hexadecimal(entry.offset)
            write("\"")
        }
        write("}}")
        if let access = Self.configurationWrite(kind, entry) { configuration(track, entry, access) }
    }

    /// Returns the BAR that answered, as `0000:00:04.0 BAR 2`; nil for none.
    private static func bar(_ entry: TraceEntry, _ names: [String]) -> String? {
        guard entry.bar > 0 else { return nil }
        let (slot, number) = (Int(entry.bar >> 8), Int(entry.bar & 0xFF))
        let name = names.indices.contains(slot) && !names[slot].isEmpty ? names[slot] : "slot \(slot)"
        return "\(name) \(number == BAR.romIndex ? "ROM" : "BAR \(number)")"
    }

    /// Returns the number of events for an exit.
    static func count(_ entry: TraceEntry) -> Int {
        let kind = VCPUExit.Kind(rawValue: Int(entry.kind)) ?? .unknown
        return 2 + (entry.halted > 0 ? 1 : 0) + (entry.waited > 0 ? 1 : 0)
            + (configurationWrite(kind, entry) == nil ? 0 : 1)
    }

    private mutating func configuration(_ track: Int, _ entry: TraceEntry, _ access: ConfigAccess) {
        let function = "\(access.bus.hexadecimalDigits(2)):\(access.device.hexadecimalDigits(2)).\(access.function)"
        instant(
            track, at: entry.left, category: "config",
            name: "config write \(function) 0x\(access.offset.hexadecimalDigits(2))",
            arguments: [
                ("function", function), ("register", "0x\(access.offset.hexadecimalDigits(2))"),
                ("value", entry.value.hexadecimal),
                ("width", "\(entry.width)"),
            ])
    }

    /// Returns the register that an exit wrote, if it was one of a configuration space.
    private static func configurationWrite(_ kind: VCPUExit.Kind, _ entry: TraceEntry) -> ConfigAccess? {
        if kind == .portOut, (0xCFC...0xCFF).contains(entry.address) {
            return ConfigAccess(latch: entry.latch, lane: Int(entry.address & 3))
        }
        return kind == .mmioWrite && entry.answer == 1 ? ConfigAccess(ecamOffset: entry.address & 0xFFF_FFFF) : nil
    }

    /// - Parameter source: the sender of a message; empty if unknown.
    mutating func interrupt(_ entry: TraceEntry, source: String) {
        if entry.event == .line {
            instant(
                Track.interrupts, at: entry.left, category: "interrupt",
                name: "GSI \(entry.address) \(entry.answer == 1 ? "raised" : "lowered")",
                arguments: [("gsi", "\(entry.address)")])
            return
        }
        let answer =
            switch entry.answer {
            case 0: "blocked"
            case 1: "delivered"
            default: "failed"
            }
        let address = entry.address.hexadecimal
        instant(
            Track.interrupts, at: entry.left, category: "interrupt",
            name: "\(source.isEmpty ? "MSI" : source): vector \(entry.value & 0xFF)",
            arguments: [("address", address), ("data", entry.value.hexadecimal), ("answer", answer)])
    }

    // MARK: JSON

    private mutating func open(_ phase: StaticString, _ track: Int, _ start: UInt64, _ category: StaticString) {
        write(",\n{\"ph\":\"")
        write(phase)
        write("\",\"pid\":1,\"tid\":")
        number(UInt64(track))
        write(",\"ts\":")
        time(start > origin ? start - origin : 0)
        write(",\"cat\":\"")
        write(category)
        write("\"")
    }

    private mutating func write(_ words: StaticString) {
        words.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends nanoseconds as microseconds.
    private mutating func time(_ nanoseconds: UInt64) {
        number(nanoseconds / 1000)
        let rest = UInt8(truncatingIfNeeded: nanoseconds % 1000 / 100)
        bytes.append(UInt8(ascii: "."))
        bytes.append(UInt8(ascii: "0") + rest)
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: nanoseconds % 100 / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: nanoseconds % 10))
    }

    private mutating func number(_ value: UInt64) {
        if value >= 10 { number(value / 10) }
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    private mutating func hexadecimal(_ value: UInt64) {
        if value >= 16 { hexadecimal(value >> 4) }
        let digit = UInt8(truncatingIfNeeded: value & 15)
        bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }

    private mutating func string(_ text: String) { JSONText.append(ascii: text, to: &bytes) }
}
