import X86

/// The log of Linux 5.10 and later: a ring of descriptors and one of text. kernel/printk/printk_ringbuffer.h and .c.
///
/// The guest wrote all of it: sizes are checked against the kernel's own limits, and the number of descriptors visited
/// is limited to the number of lines kept.
struct PrintkRing<Memory: PhysicalMemory> {
    private let memory: VirtualMemory<Memory>
    /// The size of a pointer and a `long`.
    private let width: Int
    private let countBits: UInt64
    private let descriptors: UInt64
    private let infos: UInt64
    private let head: UInt64
    private let tail: UInt64
    private let sizeBits: UInt64
    private let data: UInt64

    /// - Parameter address: of a `struct printk_ringbuffer`.
    /// - Returns: nil if none is there.
    init?(at address: UInt64, _ memory: VirtualMemory<Memory>, width: Int) {
        func word(_ index: Int) -> UInt64? { memory.number(at: address &+ UInt64(index * width), count: width) }
        func half(_ index: Int) -> UInt64? { memory.number(at: address &+ UInt64(index * width), count: 4) }
        guard let countBits = half(0), (1...26).contains(countBits), let descriptors = word(1), let infos = word(2),
            let head = word(3), let tail = word(4),
            descriptors > 0, infos > 0
        else { return nil }
        (self.memory, self.width) = (memory, width)
        (self.countBits, self.descriptors, self.infos, self.head, self.tail) = (
            countBits, descriptors, infos, head, tail
        )
        // The ring of text follows; since Linux 6.8 it follows last_finalized_seq.
        for index in [5, 6] {
            guard let sizeBits = half(index), (10...31).contains(sizeBits), let data = word(index + 1), data > 4096,
                let first = word(index + 2),
                let last = word(index + 3), Self.cut(first &- last, width) <= 1 << sizeBits
            else { continue }
            (self.sizeBits, self.data) = (sizeBits, data)
            return
        }
        return nil
    }

    private static func cut(_ value: UInt64, _ width: Int) -> UInt64 { width == 8 ? value : value & 0xFFFF_FFFF }

    /// The number's bits in a descriptor: all but the two bits of its state.
    private var idMask: UInt64 { width == 8 ? .max >> 2 : 0x3FFF_FFFF }
    private var stateShift: UInt64 { width == 8 ? 62 : 30 }
    private var dataMask: UInt64 { 1 << sizeBits - 1 }

    /// The records, newest first.
    var newestFirst: some Sequence<KernelLog.Record> {
        let stride = infoSize
        let count = min(1 << countBits, UInt64(KernelLog.lineLimit))
        let oldest = tail & idMask
        var isOver = false
        return (0..<count).lazy.compactMap { back -> KernelLog.Record? in
            guard !isOver else { return nil }
            let id = (head &- back) & idMask
            isOver = id == oldest
            return record(id, infoSize: stride)
        }
    }

    /// Returns the place of a record's text; nil for a record that is not complete.
    private func block(_ id: UInt64) -> (begin: UInt64, next: UInt64)? {
        let place = descriptors &+ (id & (1 << countBits - 1)) * UInt64(3 * width)
        guard let state = memory.number(at: place, count: width), state & idMask == id,
            [1, 2].contains(state >> stateShift),
            let begin = memory.number(at: place &+ UInt64(width), count: width),
            let next = memory.number(at: place &+ UInt64(2 * width), count: width)
        else { return nil }
        return (begin, next)
    }

    private func record(_ id: UInt64, infoSize: UInt64) -> KernelLog.Record? {
        guard let (begin, next) = block(id) else { return nil }
        let info = infos &+ (id & (1 << countBits - 1)) * infoSize
        guard let time = memory.number(at: info &+ 8, count: 8), let length = memory.number(at: info &+ 16, count: 2)
        else { return nil }
        // Numbers that mark a record without text.
        guard begin & 1 == 0 || next & 1 == 0 else { return nil }
        let (start, end) = (begin & dataMask, next & dataMask)
        let offset: UInt64
        let size: UInt64
        if begin >> sizeBits == next >> sizeBits, start < end {
            (offset, size) = (start, end - start)
        } else if Self.cut((begin >> sizeBits &+ 1) << sizeBits, width) == next & ~dataMask {
            // A block that would cross the end starts at the ring's start; newer kernels leave one in place that just
            // fits.
            (offset, size) = end == 0 ? (start, dataMask + 1 - start) : (0, end)
        } else {
            return nil
        }
        guard size >= UInt64(width), let owner = memory.number(at: data &+ offset, count: width), owner & idMask == id
        else { return nil }
        let count = min(length, size - UInt64(width), 4096)
        guard let text = memory.read(at: data &+ offset &+ UInt64(width), count: Int(count)) else { return nil }
        return KernelLog.Record(nanoseconds: time, text: text)
    }

    /// The size of a `struct printk_info`: kernels that store more about the caller have larger ones. Neighbours have
    /// consecutive numbers.
    private var infoSize: UInt64 {
        let sizes: [UInt64] = [88, 112, 96, 104]
        return sizes.first { size in
            var pairs = 0
            for back: UInt64 in 0..<4 where back + 1 < 1 << countBits {
                let (id, before) = ((head &- back) & idMask, (head &- back &- 1) & idMask)
                guard block(id) != nil, block(before) != nil else { continue }
                let numbers = [id, before].map {
                    memory.number(at: infos &+ ($0 & (1 << countBits - 1)) * size, count: 8)
                }
                guard let number = numbers[0], let previous = numbers[1], number == previous &+ 1 else { return false }
                pairs += 1
            }
            return pairs > 0
        } ?? 88
    }
}
