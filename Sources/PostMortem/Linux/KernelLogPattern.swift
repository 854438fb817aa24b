import Bytes
public import X86

extension KernelLog {
    /// The first words of every Linux log: linux_banner in init/version.c.
    public static let beginning = Array("Linux version ".utf8)

    /// The number of bytes read from there on.
    private static let reach = 1 << 20

    /// Reads the log without symbols, from the place of its first words in RAM.
    ///
    /// The bytes before the words identify the kind of log; the words also occur elsewhere, in the kernel's own data. A
    /// log that has wrapped around its buffer has lost its beginning and is not found.
    public init?(beginningAt address: UInt64, _ memory: some PhysicalMemory) {
        guard address >= 24, let before = memory.read(at: address - 24, count: 24) else { return nil }
        for width in [8, 4] where Self.isFirst(before.littleEndian(at: 24 - width, count: width), width) {
            self.init(.pattern, newestFirst: Self.blocks(Self.bytes(memory, at: address - UInt64(width)), width))
            return
        }
        for size in [16, 20] {
            let length = before.littleEndian(at: 32 - size, count: 2)
            let text = before.littleEndian(at: 34 - size, count: 2)
            let dictionary = before.littleEndian(at: 36 - size, count: 2)
            guard dictionary == 0, text >= Self.beginning.count, text <= Self.lineLength,
                (UInt64(size) + text..<UInt64(size) + text + 8).contains(length)
            else { continue }
            let records = PrintkRecords(at: address - UInt64(size), size: UInt64(Self.reach), first: 0, next: nil) {
                memory.read(at: $0, count: $1)
            }
            self.init(.pattern, newestFirst: records.newestFirst)
            return
        }
        // "<5>[    0.000000] ", or without a time.
        for length in [18, 3] where before[24 - length] == UInt8(ascii: "<") && before[26 - length] == UInt8(ascii: ">")
        {
            let text = Self.bytes(memory, at: address - UInt64(length)).prefix { $0 != 0 }
            self.init(.pattern, newestFirst: PlainLog.newestFirst(Array(text.suffix(Self.byteLimit))))
            return
        }
        return nil
    }

    /// Returns all bytes that can be read from an address on.
    private static func bytes(_ memory: some PhysicalMemory, at address: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < reach, let piece = memory.read(at: address &+ UInt64(bytes.count), count: 4096) {
            bytes += piece
        }
        return bytes
    }

    /// Returns true for the number of the first record in a ring: DESC0_ID + 1 in kernel/printk/printk_ringbuffer.h.
    /// That is minus the number of descriptors, as an unsigned int, without the two bits of an unsigned long that hold
    /// a descriptor's state.
    private static func isFirst(_ number: UInt64, _ width: Int) -> Bool {
        let end: UInt64 = width == 8 ? 1 << 32 : 1 << 30
        return number < end && end - number <= 1 << 26 && (end - number).nonzeroBitCount == 1 && end - number > 1
    }

    /// Returns the blocks of a ring's text in order: each begins with its record's number. Their times are in another
    /// ring.
    private static func blocks(_ bytes: [UInt8], _ width: Int) -> [Record] {
        let mask: UInt64 = width == 8 ? .max >> 2 : 0x3FFF_FFFF
        func number(_ place: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in (0..<width).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
            return value
        }
        var records: [Record] = []
        var place = 0
        while place + width <= bytes.count {
            let id = number(place)
            let start = place + width
            let last = min(start + 4096, bytes.count - width)
            // Records without text have numbers too.
            let next = stride(from: start, through: max(last, start - 1), by: width).first {
                (1...16).contains((number($0) &- id) & mask) && number($0) <= mask
            }
            let text = bytes[start..<(next ?? min(start + lineLength, bytes.count))].prefix { $0 != 0 }
            if next != nil || !text.isEmpty { records.append(Record(text: Self.withoutRemains(text))) }
            guard let next else { break }
            place = next
        }
        return records.reversed()
    }

    /// Returns a block's text without leftovers of the kernel. The kernel formats a level's two bytes, the text and a
    /// line feed into the block, and moves the text to the block's start (printk_sprint in kernel/printk/printk.c):
    /// after it remain copies of the text's last two bytes and the line feed.
    private static func withoutRemains(_ block: ArraySlice<UInt8>) -> [UInt8] {
        guard block.last == UInt8(ascii: "\n") else { return Array(block) }
        let text = block.dropLast()
        return Array(text.suffix(4).prefix(2) == text.suffix(2) && text.count >= 4 ? text.dropLast(2) : text)
    }
}

extension VirtualMemory {
    /// The places of a 64-bit Linux's code and data in RAM: the mapping of the GiB at 0xffffffff80000000
    /// (Documentation/arch/x86/x86_64/mm.rst). In order, and at most 512 ranges.
    public var linuxRanges: [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        for index: UInt64 in 0..<512 {
            guard let place = paging.translate(0xFFFF_FFFF_8000_0000 + index << 21, physical) else { continue }
            if let last = ranges.last, last.upperBound == place {
                ranges[ranges.count - 1] = last.lowerBound..<place + (2 << 20)
            } else {
                ranges.append(place..<place + (2 << 20))
            }
        }
        return ranges
    }
}
