import CLinux
import KVM
import LinuxSystem

/// The last exits of a vCPU, in a ring of fixed size: two dozen bytes and a timestamp per exit, no allocation, no lock.
///
/// It belongs to the vCPU's thread, and after that to the thread that joined it.
struct FlightRecorder {
    struct Entry: BitwiseCopyable {
        /// The processor's timestamp counter.
        var time: UInt64 = 0
        var address: UInt64 = 0
        var value: UInt64 = 0
        var kind: UInt8 = 0
        var width: UInt8 = 0
    }

    /// A RIP sample.
    struct Sample: BitwiseCopyable {
        var instruction: UInt64 = 0
        var flags: UInt64 = 0
    }

    static let capacity = 64
    static let sampleCapacity = 8
    private var entries = InlineArray<64, Entry>(repeating: Entry())
    private var samples = InlineArray<8, Sample>(repeating: Sample())
    private var sampleCount = 0
    /// The timestamp counter at the last exit that was not recorded.
    private(set) var lastPass: UInt64 = 0
    /// The number of exits recorded so far.
    private(set) var count = 0

    mutating func record(_ kind: VCPUExit.Kind, address: UInt64, width: UInt8, value: UInt64) {
        entries[count & (Self.capacity - 1)] = Entry(
            time: cl_timestamp(), address: address, value: value, kind: UInt8(truncatingIfNeeded: kind.rawValue),
            width: width)
        count &+= 1
    }

    /// Records only the time of an exit that says nothing else about the guest.
    mutating func pass() { lastPass = cl_timestamp() }

    mutating func sample(_ instruction: UInt64, flags: UInt64) {
        samples[sampleCount & (Self.sampleCapacity - 1)] = Sample(instruction: instruction, flags: flags)
        sampleCount &+= 1
    }

    var last: Entry { entries[(count &- 1) & (Self.capacity - 1)] }

    /// The recorded exits, oldest first.
    var lastEntries: [Entry] { (max(0, count - Self.capacity)..<count).map { entries[$0 & (Self.capacity - 1)] } }

    /// The last samples, in no order.
    var lastSamples: [Sample] { (0..<min(sampleCount, Self.sampleCapacity)).map { samples[$0] } }
}

/// A time span by the timestamp counter and by the clock, from which the counter's frequency follows.
struct TimeSpan {
    private let startTicks = cl_timestamp()
    private let startTime = MonotonicClock.now
    private var ticks: UInt64 = 0
    private var duration = 0.0

    mutating func end() {
        ticks = cl_timestamp()
        duration = Double(MonotonicClock.now - startTime) / 1e9
    }

    /// Returns the seconds from a timestamp to the end; 0 for a later one.
    func age(of timestamp: UInt64) -> Double {
        guard ticks > startTicks, ticks > timestamp else { return 0 }
        return Double(ticks - timestamp) / Double(ticks - startTicks) * duration
    }
}
