import KVM
import LinuxSystem

/// A vCPU's part of the trace. Belongs to the vCPU's thread; records without allocating, locking or waiting.
final class VCPUTrack: @unchecked Sendable {
    // @unchecked: the times belong to the thread.

    private let ring: TraceRing
    /// The window of the enhanced configuration mechanism.
    private let ecam: Range<UInt64>
    private var entered: UInt64 = 0
    private var left: UInt64 = 0
    private var time = ThreadTime()
    private var idle = (slept: UInt64(0), waited: UInt64(0))
    /// The BAR that was accessed since KVM_RUN returned; see `TraceEntry.bar`.
    private var bar: UInt16 = 0
    private var offset: UInt64 = 0

    init(_ ring: TraceRing, ecam: Range<UInt64>) {
        self.ring = ring
        self.ecam = ecam
    }

    /// Records the first entry into the guest.
    func start() {
        time.begin()
        entered = MonotonicClock.now
        ring.put(TraceEntry(event: .start, entered: entered, left: entered, served: entered))
    }

    /// Records the return of KVM_RUN.
    func leave() {
        left = MonotonicClock.now
        bar = 0
        idle = left &- entered < ThreadTime.shortest ? (0, 0) : time.idle(of: left &- entered, until: left)
    }

    /// Records the BAR that an access goes to, if there is one.
    func reach(_ map: BARMap, _ address: UInt64, isIO: Bool) {
        guard let index = map.find(address, isIO: isIO) else { return }
        let entry = map.entries[index]
        bar = UInt16(truncatingIfNeeded: entry.function.slot << 8 | entry.bar)
        offset = address - entry.range.start
    }

    /// Records that the exit was served.
    /// - Parameters:
    ///   - last: the flight recorder's last entry, which is this exit if it was an access.
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
        // Sleep while serving the exit is not part of the guest's time.
        if now &- left >= ThreadTime.shortest { _ = time.idle(of: now &- left, until: now) }
        entered = now
    }
}
