import PostMortem
import Testing
import TestSupport
import X86

/// A Linux kernel's log in made-up memory: of each kind, damaged, and hostile.
@Suite struct KernelLogTests {
    /// Where the builders put the parts; linear addresses are physical ones here.
    private static let (ring, descriptors, infos, data): (UInt64, UInt64, UInt64, UInt64) = (
        0x10000, 0x20000, 0x30000, 0x80000
    )
    private static let flat = Paging(cr0: 0, cr3: 0, cr4: 0, efer: 0)
    private static let banner = "Linux version 6.1.0 (x@y) #1"

    /// What kernel/printk/printk_ringbuffer.c leaves.
    private struct Ring {
        var texts: [String]
        var width = 8
        var countBits = 5
        var sizeBits = 12
        /// Linux 6.8 and later have one more word before the ring of text.
        var hasLastFinalized = false
        var infoSize = 88
        /// Seconds between two records.
        var step: UInt64 = 1
        /// Of an earlier time: the numbers go on from there.
        var start = 0

        func written() -> MemoryImage {
            var memory = MemoryImage()
            let bits = UInt64(width * 8 - 2)
            let count = 1 << UInt64(countBits) as UInt64
            // DESC0_ID counts in an unsigned int, and DESC_ID takes two bits off an unsigned long.
            let firstID = width == 8 ? (1 << 32) - count : (1 << 30) - count
            var lpos = 0 &- (1 << UInt64(sizeBits)) as UInt64
            let mask = 1 << UInt64(sizeBits) - 1 as UInt64
            var id = (firstID &+ UInt64(start)) & (1 << bits - 1)
            var tail = id
            for (number, text) in texts.enumerated() {
                let bytes = Array(text.utf8)
                // The kernel formats "\u{1}6text\n" into the block and then moves the text to its start
                // (printk_sprint).
                let written = bytes.isEmpty ? [] : bytes + (Array("\u{1}6".utf8) + bytes + [0x0A]).suffix(3)
                let slot = id & (count - 1)
                let size = UInt64((width + written.count + 1 + width - 1) / width * width)
                var begin = lpos
                var next = begin &+ size
                var place = begin & mask
                if (begin & ~mask) != ((next &- 1) & ~mask) {
                    next = (begin & ~mask) &+ (mask + 1) &+ size
                    place = 0
                }
                lpos = next
                if text.isEmpty {
                    (begin, next) = (3, 3)
                } else {
                    for offset in 0..<size { memory.put(0, at: KernelLogTests.data + place + offset, width: 1) }
                    memory.put(id, at: KernelLogTests.data + place, width: width)
                    for (index, byte) in written.enumerated() {
                        memory.put(UInt64(byte), at: KernelLogTests.data + place + UInt64(width + index), width: 1)
                    }
                }
                let descriptor = KernelLogTests.descriptors + slot * UInt64(3 * width)
                memory.put(id | 2 << bits, at: descriptor, width: width)
                memory.put(begin, at: descriptor + UInt64(width), width: width)
                memory.put(next, at: descriptor + UInt64(2 * width), width: width)
                let info = KernelLogTests.infos + slot * UInt64(infoSize)
                memory.put(UInt64(number + start), at: info)
                memory.put(UInt64(number) * step * 1_000_000_000, at: info + 8)
                memory.put(UInt64(bytes.count), at: info + 16, width: 2)
                if number >= Int(count) { tail = (tail + 1) & (1 << bits - 1) }
                if number < texts.count - 1 { id = (id + 1) & (1 << bits - 1) }
            }
            var words = [UInt64(countBits), KernelLogTests.descriptors, KernelLogTests.infos, id, tail]
            if hasLastFinalized { words.append(UInt64(texts.count)) }
            words += [UInt64(sizeBits), KernelLogTests.data, lpos, lpos &- min(mask + 1, lpos &+ (mask + 1)), 0]
            for (index, word) in words.enumerated() {
                memory.put(word, at: KernelLogTests.ring + UInt64(index * width), width: width)
            }
            return memory
        }
    }

    private static func names(_ names: [(String, UInt64)]) -> SymbolTable {
        SymbolTable(
            [.init(address: 0x1000, size: 16, name: "start", isCode: true)]
                + names.map { .init(address: $0.1, size: 8, name: $0.0, isCode: false) })
    }

    private func read(_ memory: MemoryImage, width: Int = 8) -> KernelLog? {
        KernelLog(Self.names([("printk_rb_static", Self.ring)]), VirtualMemory(Self.flat, memory), width: width)
    }

    private static let texts = [
        banner, "Command line: root=/dev/nope", "two\nlines", "", "Kernel panic - not syncing: VFS: no root",
    ]
    private static let lines = [
        "[    0.000000] \(banner)", "[    1.000000] Command line: root=/dev/nope", "[    2.000000] two",
        "[    2.000000] lines",
        "[    4.000000] Kernel panic - not syncing: VFS: no root",
    ]

    @Test(arguments: [(8, false, 88), (8, true, 88), (8, true, 112), (4, false, 88), (4, true, 88)])
    func theRingOfDescriptorsIsRead(width: Int, hasLastFinalized: Bool, infoSize: Int) throws {
        let memory = Ring(texts: Self.texts, width: width, hasLastFinalized: hasLastFinalized, infoSize: infoSize)
            .written()
        let log = try #require(read(memory, width: width))
        #expect(log.lines == Self.lines)
        #expect(log.source == .symbols)
        #expect(log.panic == "Kernel panic - not syncing: VFS: no root")
    }

    @Test func thePointerCountsMoreThanTheFirstRing() throws {
        var memory = Ring(texts: ["new"]).written()
        memory.put(Self.ring, at: 0x8000)
        let symbols = Self.names([("prb", 0x8000), ("printk_rb_static", 0x9000)])
        #expect(KernelLog(symbols, VirtualMemory(Self.flat, memory), width: 8)?.lines == ["[    0.000000] new"])
        // A kernel that moved itself.
        var moved = Self.names([("prb", 0x8000 &- 0x20_0000)])
        moved.offset = 0x20_0000
        #expect(KernelLog(moved, VirtualMemory(Self.flat, memory), width: 8)?.lines == ["[    0.000000] new"])
    }

    @Test func aRingThatWentRoundHasItsLastRecords() throws {
        let texts = (0..<100).map { "record number \($0)" }
        let all = try #require(read(Ring(texts: texts).written()))
        #expect(
            all.lines
                == texts.suffix(32).enumerated().map {
                    "[\(String(repeating: " ", count: 3))\($0.offset + 68).000000] \($0.element)"
                })
        // The numbers begin anew too.
        let again = try #require(read(Ring(texts: texts, start: 20).written()))
        #expect(again.lines == all.lines)
        // Less text than descriptors: what was overwritten is left out.
        let few = try #require(read(Ring(texts: texts, countBits: 7, sizeBits: 10).written()))
        #expect((20...36).contains(few.lines.count), "\(few.lines)")
        #expect(few.lines.suffix(20) == all.lines.suffix(20), "\(few.lines)")
    }

    @Test func theLastLinesAreKept() throws {
        let long = String(repeating: "x", count: 1500)
        let log = try #require(read(Ring(texts: [long]).written()))
        #expect(log.lines == ["[    0.000000] " + long.prefix(KernelLog.lineLength)])
        let many = try #require(read(Ring(texts: (0..<1500).map { "\($0)" }, countBits: 11, sizeBits: 16).written()))
        #expect(many.lines.count == KernelLog.lineLimit)
        #expect(many.lines.last?.hasSuffix("] 1499") == true)
    }

    @Test func whatIsNoTextIsEscaped() throws {
        var memory = Ring(texts: ["abcdefgh"]).written()
        memory.put(0xFF1B, at: Self.data + 8, width: 2)
        #expect(read(memory)?.lines == ["[    0.000000] \\x1b\\xffcdefgh"])
    }

    // MARK: Older logs

    /// What kernel/printk/printk.c of 3.5 to 5.9 leaves at `data`, and where the next record would be.
    private static func records(_ texts: [String], caller: Bool, in memory: inout MemoryImage) -> UInt64 {
        var place: UInt64 = 0
        let header: UInt64 = caller ? 20 : 16
        for (number, text) in texts.enumerated() {
            let length = (header + UInt64(text.utf8.count) + 3) & ~3
            memory.put(UInt64(number) * 1_000_000_000, at: data + place)
            memory.put(length, at: data + place + 8, width: 2)
            memory.put(UInt64(text.utf8.count), at: data + place + 10, width: 2)
            if caller { memory.put(0x8000_0000, at: data + place + 16, width: 4) }
            for (index, byte) in text.utf8.enumerated() {
                memory.put(UInt64(byte), at: data + place + header + UInt64(index), width: 1)
            }
            place += length
        }
        return place
    }

    private func older(_ memory: MemoryImage, first: UInt64, next: UInt64, size: UInt64 = 0x1000) -> KernelLog? {
        var memory = memory
        for (index, value) in [Self.data, size, first, next].enumerated() {
            memory.put(value, at: 0x8000 + UInt64(8 * index))
        }
        let symbols = Self.names([
            ("log_buf", 0x8000), ("log_buf_len", 0x8008), ("log_first_idx", 0x8010), ("log_next_idx", 0x8018),
        ])
        return KernelLog(symbols, VirtualMemory(Self.flat, memory), width: 8)
    }

    @Test(arguments: [false, true])
    func theRecordsOfOlderKernelsAreRead(caller: Bool) throws {
        var memory = MemoryImage()
        let texts = [Self.banner, "Command line: x", "Kernel panic - not syncing: y"]
        let end = Self.records(texts, caller: caller, in: &memory)
        let expected = texts.enumerated().map { "[    \($0.offset).000000] \($0.element)" }
        #expect(older(memory, first: 0, next: end)?.lines == expected)
        // The oldest are gone, and the last ones at the start: an empty header sends the reader there.
        var round = MemoryImage()
        let middle = Self.records(["newer"], caller: caller, in: &round)
        var late = MemoryImage()
        let length = Self.records(["older"], caller: caller, in: &late)
        for offset in 0..<length {
            round.put(late.number(at: Self.data + offset, width: 1), at: Self.data + 0x800 + offset, width: 1)
        }
        #expect(older(round, first: 0x800, next: middle)?.lines == ["[    0.000000] older", "[    0.000000] newer"])
        // By its first words alone.
        let place = Self.data + (caller ? 20 : 16)
        #expect(KernelLog(beginningAt: place, memory)?.lines == expected)
    }

    @Test func theTextOfTheOldestKernelsIsRead() throws {
        let text =
            """
            <5>[    0.000000] Linux version 3.2.0\n<6>[    0.000000] Command line: x\n<0>[    1.000000] Kernel \
            panic - not syncing: y\n
            """
        var memory = MemoryImage()
        for (index, byte) in text.utf8.enumerated() {
            memory.put(UInt64(byte), at: Self.data + UInt64(index), width: 1)
        }
        let lines = [
            "[    0.000000] Linux version 3.2.0", "[    0.000000] Command line: x",
            "[    1.000000] Kernel panic - not syncing: y",
        ]
        let found = try #require(KernelLog(beginningAt: Self.data + 18, memory))
        #expect(found.lines == lines)
        #expect(found.panic == "Kernel panic - not syncing: y")
        #expect(found.source == .pattern)
        for (index, value) in [Self.data, 0x1000, UInt64(text.utf8.count), UInt64(text.utf8.count)].enumerated() {
            memory.put(value, at: 0x8000 + UInt64(8 * index))
        }
        let symbols = Self.names([
            ("log_buf", 0x8000), ("log_buf_len", 0x8008), ("log_end", 0x8010), ("logged_chars", 0x8018),
        ])
        #expect(KernelLog(symbols, VirtualMemory(Self.flat, memory), width: 8)?.lines == lines)
    }

    @Test(arguments: [8, 4])
    func theRingsTextIsFoundByItsFirstWords(width: Int) throws {
        let memory = Ring(texts: Self.texts, width: width).written()
        let log = try #require(KernelLog(beginningAt: Self.data + UInt64(width), memory))
        #expect(log.lines == Self.lines.map { String($0.dropFirst(15)) })
        #expect(log.source == .pattern)
        // The same words in the kernel's own data.
        var other = MemoryImage()
        for (index, byte) in Self.banner.utf8.enumerated() {
            other.put(UInt64(byte), at: 0x5000 + UInt64(index), width: 1)
        }
        #expect(KernelLog(beginningAt: 0x5000, other) == nil)
        #expect(KernelLog(beginningAt: 3, other) == nil)
    }

    @Test func whereTheKernelLies() {
        // Four levels: 511, then 510, then two pieces of 2 MiB side by side and a third one elsewhere.
        var memory = MemoryImage()
        memory.put(0x2003, at: 0x1000 + 511 * 8)
        memory.put(0x3003, at: 0x2000 + 510 * 8)
        memory.put(0x40_0083, at: 0x3000 + 8 * 8)
        memory.put(0x60_0083, at: 0x3000 + 9 * 8)
        memory.put(0x20_0083, at: 0x3000 + 12 * 8)
        let paging = Paging(cr0: 1 << 31, cr3: 0x1000, cr4: 1 << 5, efer: 1 << 10)
        #expect(VirtualMemory(paging, memory).linuxRanges == [0x40_0000..<0x80_0000, 0x20_0000..<0x40_0000])
        #expect(VirtualMemory(paging, MemoryImage()).linuxRanges.isEmpty)
    }

    @Test func theTextHasTheLastLinesAndCutsThem() throws {
        let texts = (0..<150).map { "\($0) " + String(repeating: "\u{20AC}", count: 300) }
        var examined = PostMortem(cause: .stopped, vcpus: [], ioapic: nil, symbols: nil)
        examined.log = try #require(read(Ring(texts: texts, countBits: 8, sizeBits: 18).written()))
        #expect(
            examined.shortLines.contains(
                "the kernel's log, read out of its memory (by its names), the last 30 of 150 lines:"))
        #expect(examined.shortLines.count { $0.hasPrefix("  [") } == 30)
        #expect(examined.lines.count { $0.hasPrefix("  [") } == 100)
        #expect(examined.lines.allSatisfy { $0.utf8.count < 250 })
        #expect(examined.lines.last?.hasPrefix("  [  149.000000] 149 ") == true)
        // A suite's pipe holds 64 KiB.
        #expect(examined.lines.reduce(0) { $0 + $1.utf8.count } < 32 << 10)
    }

    // MARK: Hostile logs

    @Test func noDamageMakesMoreThanALog() {
        var generator = SystemRandomNumberGenerator()
        let ring = Ring(texts: Self.texts + (0..<40).map { "more \($0)" }).written()
        var old = MemoryImage()
        let end = Self.records(Self.texts, caller: false, in: &old)
        for _ in 0..<300 {
            var damaged = ring
            for part in [Self.ring, Self.descriptors, Self.infos, Self.data] {
                for _ in 0..<2 {
                    damaged.bytes[Int(part) + Int.random(in: 0..<80, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
            }
            for log in [read(damaged), KernelLog(beginningAt: Self.data + 8, damaged)] {
                #expect((log?.lines.count ?? 0) <= KernelLog.lineLimit)
            }
            var records = old
            for _ in 0..<4 {
                records.bytes[Int(Self.data) + Int.random(in: 0..<200, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            _ = older(records, first: 0, next: end)
            _ = KernelLog(beginningAt: Self.data + 16, records)
        }
    }

    @Test func numbersBeyondAllBoundsEndInNoLog() {
        let ring = Ring(texts: Self.texts).written()
        for word in 0..<9 {
            for value: UInt64 in [0, 1, 31, 0xFFFF_FFFF, .max, .max - 7, 1 << 63] {
                var memory = ring
                memory.put(value, at: Self.ring + UInt64(8 * word))
                _ = read(memory)
            }
        }
        // An endless chain of records: as many steps as there may be, and an end.
        var chain = MemoryImage()
        for place in stride(from: 0 as UInt64, to: 0x1000, by: 16) {
            chain.put(16, at: Self.data + place + 8, width: 2)
        }
        #expect((older(chain, first: 0, next: 0x7777)?.lines.count ?? 0) <= KernelLog.lineLimit)
        #expect(older(chain, first: .max, next: 0) == nil)
        #expect(older(chain, first: 0, next: 0) == nil)
        #expect(older(MemoryImage(), first: 0, next: 16, size: .max) == nil)
    }
}
