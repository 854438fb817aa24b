import Boot
import Testing

@Suite("Multiboot 1")
struct MultibootTests {
    @Test("ELF of either class is entered at e_entry with the magic number in EAX", arguments: [true, false])
    func loads(is64Bit: Bool) throws {
        let plan = try plan(ELFBuilder.multiboot(is64Bit: is64Bit).bytes)
        #expect(plan.format == .multiboot)
        #expect(plan.entry.mode == .protected32)
        #expect(plan.entry.eax == 0x2bad_b002)
        #expect(plan.entry.instructionPointer == 0x10000c)
        #expect(plan.segments.map(\.guestAddress) == [0x100000])
    }

    @Test("information has memory, command line, memory map and the boot loader's name")
    func information() throws {
        let memory = MemoryMap(belowFourGiB: 64 * mebibyte)
        let plan = try plan(ELFBuilder.multiboot().bytes, name: "apic.flat", commandLine: "a=1 b", memory: memory)
        let info = try #require(plan.blob(at: UInt64(plan.entry.ebx)))
        #expect(info.uint32(at: 0) == 0b10_0100_0101)
        #expect(info.uint32(at: 4) == 639)
        #expect(info.uint32(at: 8) == 63 * 1024)
        #expect(plan.text(at: UInt64(info.uint32(at: 16))) == "apic.flat a=1 b")
        #expect(plan.text(at: UInt64(info.uint32(at: 64))) == "swiftlet")
        #expect(info.uint32(at: 44) == 72)
        let map = try #require(plan.blob(at: UInt64(info.uint32(at: 48))))
        #expect(map.uint32(at: 0) == 20)
        #expect(map.uint64(at: 4) == 0)
        #expect(map.uint64(at: 12) == 0x9fc00)
        #expect(map.uint32(at: 20) == 1)
        #expect(map.uint32(at: 24) == 20)
        #expect(map.uint64(at: 28) == 0x9fc00)
    }

    /// xv6 loads a GDT with code at 0x08 and data at 0x10, and keeps CS.
    @Test("the GDT has code first, then data, and data again at GRUB's 0x18")
    func gdt() throws {
        let plan = try plan(ELFBuilder.multiboot().bytes)
        let gdt = try #require(plan.blob(at: UInt64(plan.entry.gdtBase)))
        #expect(gdt.count == Int(plan.entry.gdtLimit) + 1)
        #expect((plan.entry.cs.selector, plan.entry.data.selector, plan.entry.ss.selector) == (0x08, 0x10, 0x10))
        #expect(gdt.uint64(at: 0x08) == 0x00cf_9b00_0000_ffff)
        #expect(gdt.uint64(at: 0x10) == 0x00cf_9300_0000_ffff)
        #expect(gdt.uint64(at: 0x18) == 0x00cf_9300_0000_ffff)
        #expect(gdt.uint64(at: Int(plan.entry.tr.selector)) == 0x0000_8b00_0000_0067)
    }

    @Test("modules are on the pages after the kernel")
    func modules() throws {
        let modules = [
            LoadPlan.Module(name: "env", size: 100), LoadPlan.Module(name: "b", size: 4096, commandLine: "x"),
        ]
        let plan = try plan(ELFBuilder.multiboot().bytes, modules: modules)
        let info = try #require(plan.blob(at: UInt64(plan.entry.ebx)))
        #expect(info.uint32(at: 0) & 8 == 8)
        #expect(info.uint32(at: 20) == 2)
        let list = try #require(plan.blob(at: UInt64(info.uint32(at: 24))))
        #expect(list.uint32(at: 0) == 0x101000)
        #expect(list.uint32(at: 4) == 0x101064)
        #expect(plan.text(at: UInt64(list.uint32(at: 8))) == "env")
        #expect(list.uint32(at: 16) == 0x102000)
        #expect(list.uint32(at: 20) == 0x103000)
        #expect(plan.text(at: UInt64(list.uint32(at: 24))) == "b x")
    }

    @Test("an ELF linked high is entered at the physical address of its entry")
    func highHalf() throws {
        var builder = ELFBuilder.multiboot(is64Bit: true)
        builder.entry = 0xffff_ffff_8010_0040
        builder.headers[0].virtualAddress = 0xffff_ffff_8010_0000
        #expect(try plan(builder.bytes).entry.instructionPointer == 0x100040)
    }

    @Test("an ELF with an entry outside its segments is refused", arguments: [0, 0xfffff, 0x101000, UInt64.max])
    func entryOutside(entry: UInt64) {
        var builder = ELFBuilder.multiboot(is64Bit: true)
        builder.entry = entry
        #expect(failure { try plan(builder.bytes) }.contains("ELF header: e_entry is 0x\(String(entry, radix: 16))"))
    }

    @Test("the header must be within the first 8192 bytes on a 4-byte boundary")
    func searchArea() throws {
        var image = [UInt8](repeating: 0, count: 12288)
        let header = multibootHeader(flags: 1 << 16, addresses: [0x100000, 0x100000, 0, 0, 0x100000])
        image.replaceSubrange(8160..<8192, with: header)
        #expect(try plan(image).segments.map(\.fileOffset) == [8160])
        image = [UInt8](repeating: 0, count: 12288)
        image.replaceSubrange(8164..<8196, with: header)
        #expect(
            failure { try plan(image) }.contains("multiboot header: its end in the file is 0x2004, more than 0x2000,"))
        image = [UInt8](repeating: 0, count: 12288)
        image.replaceSubrange(4098..<4130, with: header)
        #expect(failure { try plan(image) }.contains("of no known format"))
    }

    @Test("a wrong checksum, an unknown requirement and a missing load address are reported")
    func brokenHeaders() {
        var builder = ELFBuilder.multiboot()
        builder.headers[0].content.store(UInt32(1), at: 8)
        #expect(failure { try plan(builder.bytes) }.contains("checksum is 0x1 where 0xe4524ffe is expected"))
        #expect(failure { try plan(ELFBuilder.multiboot(flags: 8).bytes) }.contains("bit 3 is unknown"))
        #expect(failure { try plan(multibootHeader() + [0, 0, 0, 0]) }.contains("no address fields"))
    }

    @Test("a requested video mode is ignored")
    func video() throws {
        #expect(try plan(ELFBuilder.multiboot(flags: 7).bytes).format == .multiboot)
    }

    /// 64 bytes before the header, the header at 0x200040, 400 bytes in all.
    private func raw(_ addresses: [UInt32]) -> [UInt8] {
        [UInt8](repeating: 0, count: 64) + multibootHeader(flags: 1 << 16, addresses: addresses)
            + [UInt8](repeating: 0x90, count: 304)
    }

    @Test("address fields define the load addresses")
    func addressFields() throws {
        let part = try plan(raw([0x200040, 0x200010, 0x200100, 0x201000, 0x200080]))
        #expect(part.segments.map(\.fileOffset) == [0x10])
        #expect(part.segments.map(\.guestAddress) == [0x200010])
        #expect(part.segments.map(\.fileSize) == [0xf0])
        #expect(part.segments.map(\.memorySize) == [0xff0])
        #expect(part.entry.instructionPointer == 0x200080)
        let whole = try plan(raw([0x200040, 0x200000, 0, 0, 0x200080]))
        #expect(whole.segments.map(\.fileSize) == [400])
        #expect(whole.segments.map(\.memorySize) == [400])
    }

    @Test(
        "address fields that contradict each other or the file are named",
        arguments: [
            ([0x200040, 0x200044, 0, 0, 0x200080], "load_addr is 0x200044, more than 0x200040, header_addr"),
            ([0x200100, 0x200000, 0, 0, 0x200080], "header_addr - load_addr is 0x100, more than 0x40,"),
            ([0x200040, 0x200000, 0x200000, 0, 0x200080], "load_end_addr is 0x200000 where"),
            ([0x200040, 0x200000, 0x200191, 0, 0x200080], "load_end_addr - load_addr is 0x191, more than 0x190,"),
            ([0x200040, 0x200000, 0, 0x20018f, 0x200080], "bss_end_addr is 0x20018f where 0 or at least 0x200190"),
            ([0x200040, 0x200000, 0, 0, 0x200190], "entry_addr is 0x200190, which lies in none"),
            ([0x200040, 0x200000, 0, 0xffff_ffff, 0x200080], "--memory 4096M or more would hold it"),
        ] as [([UInt32], String)])
    func brokenAddressFields(addresses: [UInt32], sentence: String) {
        #expect(failure { try plan(raw(addresses)) }.contains(sentence))
    }
}
