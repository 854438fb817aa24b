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

    init(_ ring: TraceRing, ecam: Range<UInt64>) {
        self.ring = ring
        self.ecam = ecam
    }

    /// The guest is entered for the first time.
    func start() {
        entered = MonotonicClock.now
        ring.put(TraceEntry(event: .start, entered: entered, left: entered, served: entered))
    }

    /// KVM_RUN came back.
    func leave() { left = MonotonicClock.now }

    /// The exit was served.
    /// - Parameters:
    ///   - last: what the flight recorder noted last, which is this exit if it was an access.
    ///   - latch: the latched configuration address.
    func serve(_ exit: VCPUExit, _ last: FlightRecorder.Entry, latch: UInt32) {
        let now = MonotonicClock.now
        var entry = TraceEntry(event: .exit, kind: UInt8(truncatingIfNeeded: exit.kind.rawValue), entered: entered, left: left, served: now)
        switch exit {
        case .portOut(_, _, let count), .portIn(_, _, let count):
            (entry.address, entry.value, entry.width, entry.count, entry.latch) = (last.address, last.value, last.width, count, latch)
        case .mmioRead, .mmioWrite:
            (entry.address, entry.value, entry.width) = (last.address, last.value, last.width)
            entry.answer = ecam.contains(last.address) ? 1 : 0
        default: break
        }
        ring.put(entry)
        entered = now
    }
}
