import Boot
import Testing

@Suite("Places in guest memory")
struct GuestLayoutTests {
    private func kernel(_ extents: [(address: UInt64, size: UInt64)]) -> [UInt8] {
        var builder = ELFBuilder.pvh()
        builder.headers =
            extents.map { ELFBuilder.Header(content: [0x90], physicalAddress: $0.address, memorySize: $0.size) }
            + [
                ELFBuilder.Header(
                    type: 4, content: ELFBuilder.note(entry: UInt32(truncatingIfNeeded: extents[0].address)))
            ]
        return builder.bytes
    }

    @Test("of boot structures avoid the addresses that kvm-unit-tests use")
    func low() throws {
        let plan = try plan(kernel([(0x400000, 0xd00000)]), commandLine: String(repeating: "x", count: 4096))
        #expect(plan.blobs.count == 4)
        for blob in plan.blobs {
            #expect(blob.guestAddress >= 0x90000)
            #expect(blob.guestAddress + UInt64(blob.bytes.count) <= 0x9fc00)
        }
    }

    @Test("of boot structures avoid the kernel")
    func giveWay() throws {
        let part = try plan(kernel([(0x90000, 0xf000)]), commandLine: String(repeating: "x", count: 4096))
        #expect(part.blobs.contains { $0.guestAddress < 0x90000 })
        let all = try plan(kernel([(0x100000, 0x1000), (0x1000, 0x9ec00)]))
        #expect(all.blobs.allSatisfy { $0.guestAddress >= 0x101000 })
        #expect(
            failure {
                try plan(kernel([(0x100000, 0x100000), (0, 0x9fc00)]), memory: MemoryMap(belowFourGiB: 2 * mebibyte))
            }
                == """
                there is no room for the command line (1 bytes) beside the kernel in the guest's memory (2 MiB): \
                give more with --memory
                """
        )
    }

    @Test("that overlap are refused, with both names")
    func overlap() {
        #expect(
            failure { try plan(kernel([(0x100000, 0x2000), (0x101fff, 0x1000)])) }
                == "program header 1 (0x101fff-0x102ffe) overlaps program header 0 (0x100000-0x101fff)")
        #expect(throws: Never.self) { try plan(kernel([(0x100000, 0x2000), (0x102000, 0x1000)])) }
    }

    @Test("in reserved memory are refused, with the region's name")
    func reserved() {
        let hole = MemoryMap.Region(start: 0xc000_0000, size: 0x4000_0000, kind: .reserved, name: "the PCI hole")
        let memory = MemoryMap(belowFourGiB: 128 * mebibyte, reserved: [hole])
        #expect(
            failure { try plan(kernel([(0xbfff_f000, 0x2000)]), memory: memory) }
                == """
                program header 0 (0xbffff000-0xc0000fff) lies in memory that is reserved for the PCI hole \
                (0xc0000000-0xffffffff)
                """
        )
        #expect(
            failure { try plan(kernel([(0xa0000, 1)])) }.contains("the legacy video and BIOS area (0x9fc00-0xfffff)"))
    }

    @Test("beyond memory are refused, with the sufficient --memory")
    func tooLarge() throws {
        let image = kernel([(0x400000, 0xd00001)])
        #expect(
            failure { try plan(image, memory: MemoryMap(belowFourGiB: 16 * mebibyte)) }
                == """
                the kernel is larger than the guest's memory: it needs 13631489 bytes up to address 0x1100001, the \
                guest has 16 MiB; \
                --memory 18M or more would hold it
                """)
        #expect(try plan(image, memory: MemoryMap(belowFourGiB: 18 * mebibyte)).segments.count == 1)
        #expect(
            failure { try plan(kernel([(0x100000, 1), (0xffff_ffff_8000_0000, 0x1000)])) }
                .contains("lies outside the guest's memory (128 MiB), and no --memory would put RAM there"))
        let limited = MemoryMap(belowFourGiB: 128 * mebibyte, lowLimit: 0xc000_0000)
        #expect(
            failure { try plan(kernel([(0xbfff_f000, 0x1000)]), memory: limited) }.contains("--memory 3072M or more"))
        #expect(
            failure { try plan(kernel([(0xbfff_f000, 0x1001)]), memory: limited) }.contains(
                "no --memory would put RAM there"))
        #expect(
            failure { try plan(kernel([(0x100000, 1), (.max, 2)])) }.contains(
                "program header 1 wraps around the address space"))
    }

    @Test("above 4 GiB are allowed except for the entry")
    func high() throws {
        let memory = MemoryMap(belowFourGiB: 128 * mebibyte, aboveFourGiB: 128 * mebibyte)
        #expect(try plan(kernel([(0x100000, 1), (1 << 32, 0x1000)]), memory: memory).segments.count == 2)
        var builder = ELFBuilder.multiboot(is64Bit: true, at: 1 << 32)
        builder.entry = 1 << 32
        #expect(
            failure { try plan(builder.bytes, memory: memory) }.contains("e_entry is 0x100000000, which lies in none"))
    }

    @Test("of modules must be free", arguments: [KernelFormat.pvh, .multiboot])
    func modules(format: KernelFormat) throws {
        let image = format == .pvh ? ELFBuilder.pvh().bytes : ELFBuilder.multiboot().bytes
        let fits = LoadPlan.Module(name: "initrd", size: 127 * mebibyte - 4096)
        #expect(try plan(image, modules: [fits]).segments.last?.guestAddress == 0x101000)
        let large = LoadPlan.Module(name: "initrd", size: 127 * mebibyte)
        #expect(
            failure { try plan(image, modules: [large]) }
                == """
                there is no room for module initrd (127 MiB) beside the kernel in the guest's memory (128 MiB): \
                give more with --memory
                """
        )
        #expect(
            failure { try plan(image, modules: [LoadPlan.Module(name: "initrd", size: .max)]) }.contains(
                "no room for module initrd"))
    }

    @Test("of command lines and modules are limited")
    func limits() throws {
        let image = ELFBuilder.pvh().bytes
        #expect(try plan(image, commandLine: String(repeating: "x", count: 16383)).blobs.count == 4)
        #expect(
            failure { try plan(image, commandLine: String(repeating: "x", count: 16384)) }
                == "the command line is 16384 bytes long, more than the 16383 that are allowed")
        #expect(failure { try plan(image, commandLine: "a\0b") }.contains("the command line holds a NUL character"))
        let modules = (0..<33).map { LoadPlan.Module(name: "\($0)", size: 1) }
        #expect(try plan(image, modules: Array(modules.dropLast())).segments.count == 33)
        #expect(failure { try plan(image, modules: modules) } == "33 modules are more than the 32 that are allowed")
    }
}
