import LinuxSystem
import Synchronization

/// A queue of fixed size: any thread adds entries without waiting, and one thread removes them. Entries without room
/// are counted and dropped.
///
/// Position N of the queue is slot N modulo the capacity, in lap N divided by it. A slot's turn gives its state: 2L if
/// it may be written in lap L, 2L + 1 if it has been. Zeroed memory is an empty queue, so an unused one costs nothing.
final class TraceRing: @unchecked Sendable {
    // @unchecked: a slot belongs to the thread whose turn it is; `tail` belongs to the thread that removes entries.

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
        // A 64-bit atomic has the layout of its value, and zeroed memory is the value zero.
        turns = turnMemory.base.bindMemory(to: Atomic<UInt64>.self, capacity: capacity)
    }

    /// Adds an entry, or drops it.
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
