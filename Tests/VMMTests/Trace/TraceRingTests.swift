import CLinux
import LinuxSystem
import Synchronization
import Testing

@testable import VMM

@Suite struct TraceRingTests {
    @Test func aFullRingDropsAndCounts() throws {
        let ring = try TraceRing(shift: 3)
        for lap in 0..<5 as Range<UInt64> {
            for number in 0..<11 as Range<UInt64> { ring.put(TraceEntry(address: lap * 100 + number)) }
            #expect(ring.droppedCount == (lap + 1) * 3)
            var taken: [UInt64] = []
            while let entry = ring.pop() { taken.append(entry.address) }
            #expect(taken == (0..<8).map { lap * 100 + $0 })
        }
    }

    private final class Enough: Sendable {
        let flag = Atomic<Bool>(false)
        /// Entries that the threads put.
        let put = Atomic<UInt64>(0)
    }

    /// What each thread puts comes out in its order, once, or is counted as dropped.
    @Test func manyPutOneTakes() throws {
        let ring = try TraceRing(shift: 6)
        let perThread: UInt64 = 20_000
        let done = try EventDescriptor("the threads' end")
        let end = done.raw
        // More than the ring holds are taken: the threads go on until then, however late this one is.
        let isEnough = Enough()
        for thread in 0..<3 as Range<UInt32> {
            _ = try Thread("producer \(thread)") {
                var number: UInt64 = 0
                while number < perThread || !isEnough.flag.load(ordering: .relaxed) {
                    ring.put(TraceEntry(count: thread, address: number, value: number &* 7))
                    number += 1
                }
                isEnough.put.wrappingAdd(number, ordering: .relaxed)
                eventfd_write(end, 1)
            }
        }
        var last = [UInt64?](repeating: nil, count: 3)
        var taken: UInt64 = 0
        var ended: UInt64 = 0
        while true {
            ended += done.readCount()
            let isLast = ended == 3
            while let entry = ring.pop() {
                let thread = Int(entry.count)
                guard entry.value == entry.address &* 7, last[thread].map({ $0 < entry.address }) ?? true else {
                    Issue.record("an entry of thread \(thread) is torn or out of order")
                    return
                }
                last[thread] = entry.address
                taken += 1
            }
            if taken > 64 { isEnough.flag.store(true, ordering: .relaxed) }
            if isLast { break }
        }
        #expect(taken + ring.droppedCount == isEnough.put.load(ordering: .relaxed))
    }
}
