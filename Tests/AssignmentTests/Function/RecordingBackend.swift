import Assignment
import KVM
import LinuxSystem
import PCI
import Synchronization
import VMM

/// What a device's backend and the kernel were told, in one order.
final class Timeline: Sendable {
    enum Event: Equatable, Sendable {
        case configWrite(Int, UInt32, width: Int)
        case barWrite(Int, UInt64, UInt64, width: Int)
        case barRead(Int, UInt64, width: Int)
        case mask(Bool)
        case startINTx(masked: Bool)
        case stopINTx
        case startMessages(MessageKind, Int)
        case stopMessages
        case vector(Int, MSIMessage, masked: Bool)
        /// The guest reaches memory at this address, or no longer does.
        case mapped(UInt64)
        case unmapped
    }

    private let events = Mutex<[Event]>([])

    func add(_ event: Event) { events.withLock { $0.append(event) } }

    /// What came since the last call.
    func take() -> [Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}

/// A backend that writes down what it is told, whose calls can be made to fail, and whose device answers reads as it is
/// told.
final class RecordingBackend: AssignmentBackend {
    private struct State {
        /// Calls that change something, until the one that fails; nil: none does.
        var callsUntilFailure: Int?
        /// What the host answers to calls of a kind.
        var refusals: [String: Int32] = [:]
        var isGone = false
        var config: [UInt8]
        var pending: [Int: Bool] = [:]
        var bars: [Int: UInt64] = [:]
        var released = false
    }

    let address = "0000:00:04.0"
    let kind = "recording"
    let delivery = "none"
    let access = PassthroughLayout.Access.filtered
    let bars: [BAR]
    let hasINTx: Bool
    let timeline: Timeline
    /// Directly reachable parts by BAR.
    let areas: [Int: [PCIFunction.MappableRegion]]
    /// What its expansion ROM holds; nil for none.
    let rom: [UInt8]?
    private let mapped = Mutex<[Int: [Range<UInt64>]]>([:])
    private let state: Mutex<State>

    init(
        _ hardware: [UInt8], bars: [BAR], hasINTx: Bool = true, areas: [Int: [PCIFunction.MappableRegion]] = [:],
        rom: [UInt8]? = nil,
        timeline: Timeline = Timeline()
    ) {
        self.rom = rom
        self.bars = bars
        self.hasINTx = hasINTx
        self.areas = areas
        self.timeline = timeline
        state = Mutex(State(config: hardware))
    }

    /// Makes the call after `count` more ones fail.
    func fail(after count: Int) { state.withLock { $0.callsUntilFailure = count } }

    /// Has the host answer calls of a kind with an errno from now on: a case of ``Timeline/Event`` by its name. Nil: no
    /// more.
    func refuse(_ kind: String, _ errno: Int32?) { state.withLock { $0.refusals[kind] = errno } }

    /// Whether reads of its registers fail too.
    func setGone(_ isGone: Bool) { state.withLock { $0.isGone = isGone } }

    /// What the device's register really holds.
    func setPhysical(_ offset: Int, _ value: UInt8) { state.withLock { $0.config[offset] = value } }

    func setPending(_ vector: Int, _ pending: Bool?) { state.withLock { $0.pending[vector] = pending } }

    /// What reads of a BAR answer.
    func setBAR(_ bar: Int, _ value: UInt64) { state.withLock { $0.bars[bar] = value } }

    func trapped(_ bar: Int) -> [Range<UInt64>]? { mapped.withLock { $0[bar] } }

    private func change(_ event: Timeline.Event) throws(AssignmentError) {
        timeline.add(event)
        let fails = state.withLock { state -> Bool in
            guard let rest = state.callsUntilFailure else { return false }
            state.callsUntilFailure = rest - 1
            return rest == 0
        }
        if fails { throw .unfit(address, reason: "\(event) was refused") }
        let name = String("\(event)".prefix { $0 != "(" })
        if let errno = state.withLock({ $0.refusals[name] }) {
            throw .system(address, SystemCallError(call: name, object: address, errno: .init(rawValue: errno)))
        }
    }

    func configSnapshot() -> [UInt8] { state.withLock { $0.config } }

    func readConfig(_ offset: Int, width: Int) throws(AssignmentError) -> UInt32 {
        try state.withLock { state throws(AssignmentError) in
            if state.isGone { throw .system(address, SystemCallError(call: "pread", object: address, errno: .ioError)) }
            return (0..<width).reduce(0) { value, index in
                let byte = offset + index < state.config.count ? state.config[offset + index] : 0xFF
                return value | UInt32(byte) << UInt32(8 * index)
            }
        }
    }

    func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(AssignmentError) {
        try change(.configWrite(offset, value, width: width))
    }

    func readROM() throws(AssignmentError) -> [UInt8] {
        guard let rom else { throw .unfit(address, reason: "it has no expansion ROM") }
        return rom
    }

    func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        timeline.add(.barRead(bar, offset, width: width))
        return state.withLock { $0.bars[bar] ?? 0 }
    }

    func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) throws(AssignmentError) {
        try change(.barWrite(bar, offset, value, width: width))
    }

    func map(_ bar: BAR, trapped: [Range<UInt64>]) -> [PCIFunction.MappableRegion] {
        mapped.withLock { $0[bar.index] = trapped }
        return areas[bar.index] ?? []
    }

    func startINTx(_ line: InterruptLine, masked: Bool) throws(AssignmentError) {
        try change(.startINTx(masked: masked))
    }
    func stopINTx() throws(AssignmentError) { try change(.stopINTx) }
    func setINTxMask(_ masked: Bool) throws(AssignmentError) { try change(.mask(masked)) }
    func startMessages(_ kind: MessageKind, initial: Int) throws(AssignmentError) {
        try change(.startMessages(kind, initial))
    }
    func stopMessages() throws(AssignmentError) { try change(.stopMessages) }

    func setVector(_ vector: Int, _ message: MSIMessage, masked: Bool) throws(AssignmentError) {
        try change(.vector(vector, message, masked: masked))
    }

    func isPending(_ vector: Int) -> Bool? { state.withLock { $0.pending[vector] } }
    var interrupts: InterruptReport { InterruptReport(intx: nil, messages: []) }
    func release() { state.withLock { $0.released = true } }
}
