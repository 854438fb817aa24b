import LinuxSystem
import Synchronization

/// A queue of fixed size into which any thread puts without waiting, and from which one takes. What finds no room is
/// counted and dropped.
///
/// Position N of the queue is slot N modulo the capacity, in its lap N divided by it. A slot's turn says whose it is:
/// 2L where lap L may be written, 2L + 1 where it has been. Zeroed memory is a queue's beginning, so a quiet one costs
/// nothing.
final class TraceRing: @unchecked Sendable {
    // @unchecked: a slot belongs to who has its turn; `tail` belongs to the thread that takes.

    private let shift: UInt64
    private let memory: Mapping
    private let turnMemory: Mapping
    private let entries: UnsafeMutablePointer<TraceEntry>
    private let turns: UnsafeMutablePointer<Atomic<UInt64>>
    private let head = Atomic<UInt64>(0)
    private var tail: UInt64 = 0
    private let dropped = Atomic<UInt64>(0)

    /// - Parameter shift: the capacity's logarithm.
    init(shift: UInt64) throws(SystemCallError) {
        self.shift = shift
        let capacity = 1 << Int(shift)
        memory = try Mapping(anonymous: capacity * MemoryLayout<TraceEntry>.stride, object: "a track of the trace")
        turnMemory = try Mapping(
            anonymous: capacity * MemoryLayout<Atomic<UInt64>>.stride, object: "a track of the trace")
        entries = memory.base.bindMemory(to: TraceEntry.self, capacity: capacity)
        // An atomic of 64 bits is its bits, and zero bits are zero.
        turns = turnMemory.base.bindMemory(to: Atomic<UInt64>.self, capacity: capacity)
    }

    /// Puts an entry in, or drops it.
    func put(_ entry: TraceEntry) {
        var position = head.load(ordering: .relaxed)
        while true {
            let (slot, lap) = (Int(position & (1 << shift - 1)), position >> shift)
            let turn = turns[slot].load(ordering: .acquiring)
            if turn == 2 * lap {
                let (isOurs, now) = head.weakCompareExchange(
                    expected: position, desired: position + 1, ordering: .relaxed)
                if isOurs {
                    entries[slot] = entry
                    turns[slot].store(2 * lap + 1, ordering: .releasing)
                    return
                }
                position = now
            } else if turn < 2 * lap {
                dropped.wrappingAdd(1, ordering: .relaxed)
                return
            } else {
                position = head.load(ordering: .relaxed)
            }
        }
    }

    /// Removes and returns the oldest entry, nil if there is none. From one thread only.
    func pop() -> TraceEntry? {
        let (slot, lap) = (Int(tail & (1 << shift - 1)), tail >> shift)
        guard turns[slot].load(ordering: .acquiring) == 2 * lap + 1 else { return nil }
        let entry = entries[slot]
        turns[slot].store(2 * lap + 2, ordering: .releasing)
        tail += 1
        return entry
    }

    /// The number of entries dropped so far.
    var droppedCount: UInt64 { dropped.load(ordering: .relaxed) }
}
