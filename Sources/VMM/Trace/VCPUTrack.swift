import KVM
import LinuxSystem

/// A vCPU's part of the trace. Belongs to the vCPU's thread; notes without allocating, locking or waiting.
final class VCPUTrack: @unchecked Sendable {
    // @unchecked: the times belong to the thread.

    private let ring: TraceRing
    /// Windows of the enhanced configuration mechanism.
    private let ecam: Range<UInt64>
    private var entered: UInt64 = 0
    private var left: UInt64 = 0
    private var time = ThreadTime()
    private var idle = (slept: UInt64(0), waited: UInt64(0))
    /// The BAR that was reached since KVM_RUN came back; see `TraceEntry.bar`.
    private var bar: UInt16 = 0
    private var offset: UInt64 = 0

    init(_ ring: TraceRing, ecam: Range<UInt64>) {
        self.ring = ring
        self.ecam = ecam
    }

    /// The guest is entered for the first time.
    func start() {
        time.begin()
        entered = MonotonicClock.now
        ring.put(TraceEntry(event: .start, entered: entered, left: entered, served: entered))
    }

    /// KVM_RUN came back.
    func leave() {
        left = MonotonicClock.now
        bar = 0
        idle = left &- entered < ThreadTime.shortest ? (0, 0) : time.idle(of: left &- entered, until: left)
    }

    /// An access goes to the BAR that answers there, if one does.
    func reach(_ map: BARMap, _ address: UInt64, isIO: Bool) {
        guard let index = map.find(address, isIO: isIO) else { return }
        let entry = map.entries[index]
        bar = UInt16(truncatingIfNeeded: entry.function.slot << 8 | entry.bar)
        offset = address - entry.range.start
    }

    /// The exit was served.
    /// - Parameters:
    ///   - last: what the flight recorder noted last, which is this exit if it was an access.
    ///   - latch: the latched configuration address.
    func serve(_ exit: VCPUExit, _ last: FlightRecorder.Entry, latch: UInt32) {
        let now = MonotonicClock.now
        var entry = TraceEntry(
            event: .exit, kind: UInt8(truncatingIfNeeded: exit.kind.rawValue), entered: entered, left: left, served: now
        )
        switch exit {
        case .portOut(_, _, let count), .portIn(_, _, let count):
            (entry.address, entry.value, entry.width, entry.count, entry.latch) = (
                last.address, last.value, last.width, count, latch
            )
        case .mmioRead, .mmioWrite:
            (entry.address, entry.value, entry.width) = (last.address, last.value, last.width)
            entry.answer = ecam.contains(last.address) ? 1 : 0
        default: break
        }
        (entry.halted, entry.waited) = (idle.slept, idle.waited)
        (entry.bar, entry.offset) = (bar, offset)
        ring.put(entry)
        // What it slept while it served is nothing of the guest's.
        if now &- left >= ThreadTime.shortest { _ = time.idle(of: now &- left, until: now) }
        entered = now
    }
}
