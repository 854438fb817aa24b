import TestSupport
import Testing

@testable import KVM

@Suite struct CPUIDTests {
    private func table(_ entries: [[UInt32]], count: UInt32? = nil) -> [UInt8] {
        var words: [UInt32] = [count ?? UInt32(entries.count), 0]
        for entry in entries { words += entry + [UInt32](repeating: 0, count: 10 - entry.count) }
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
    }

    private let host: [[UInt32]] = [
        [0, 0, 0, 0x1F, 1, 2, 3], [1, 0, 0, 0x800F12, 0xFF02_0800, 0x0000_0001, 0x1000_0002], [7, 0, 1, 1, 2, 3, 4],
        [7, 1, 1, 5, 6, 7, 8],
        [0xB, 0, 1, 9, 9, 9, 0xAAAA], [0xB, 1, 1, 9, 9, 9, 0xAAAA], [0xB, 2, 1, 9, 9, 9, 0xAAAA],
        [0x1F, 0, 1, 9, 9, 9, 0xAAAA],
        [0x8000_0008, 0, 0, 0x3030, 0, 0, 0],
    ]

    @Test func readsAndWritesTheKernelsLayout() {
        let bytes = table(host)
        let cpuid = CPUID(table: bytes)
        #expect(cpuid.entries.count == host.count)
        #expect(cpuid.table == bytes)
        #expect(cpuid.entry(7, index: 1)?.eax == 5)
        #expect(cpuid.entry(1, index: 9)?.eax == 0x800F12, "a leaf without an index answers for any")
        #expect(cpuid.entry(7, index: 2) == nil)
        #expect(cpuid.entry(0x4000_0000) == nil)
    }

    @Test(arguments: [0, 1, 257, UInt32.max])
    func standsACountThatIsNotTheTables(count: UInt32) {
        let bytes = table([[UInt32]](repeating: [], count: 256), count: count)
        #expect(CPUID(table: bytes).entries.count == Int(min(count, 256)))
    }

    @Test(
        arguments: [(0x3030, 48), (0x2028, 40), (0x34, 52), (0x20, 32), (0, 36), (0xFF, 36), (31, 36), (53, 36)]
            as [(UInt32, Int)])
    func physicalBitsStayInRange(eax: UInt32, bits: Int) {
        #expect(CPUID(table: table([[0x8000_0008, 0, 0, eax]])).physicalAddressBits == bits)
        #expect(CPUID(table: table([])).physicalAddressBits == 36)
    }

    @Test(
        arguments: [(0, 1), (0, 2), (1, 2), (2, 3), (7, 8), (8, 9), (253, 254), (299, 300), (1023, 1024)]
            as [(UInt32, Int)])
    func eachVCPUHasItsIDs(apicID: UInt32, count: Int) throws {
        let cpuid = CPUID(table: table(host)).forVCPU(apicID: apicID, count: count)
        let leaf1 = try #require(cpuid.entry(1))
        #expect(leaf1.ebx >> 24 == apicID & 0xFF)
        #expect(leaf1.ebx >> 16 & 0xFF == min(UInt32(count), 255))
        #expect(leaf1.ebx & 0xFFFF == 0x0800, "the rest is the host's")
        #expect(leaf1.edx >> 28 & 1 == (count > 1 ? 1 : 0), "HTT says whether the count means anything")
        #expect(
            leaf1.ecx & (1 << 21 | 1 << 24 | 1 << 31) == 1 << 21 | 1 << 24 | 1 << 31, "x2APIC, TSC deadline, hypervisor"
        )
        for function: UInt32 in [0xB, 0x1F] {
            let thread = try #require(cpuid.entry(function, index: 0))
            #expect(thread.eax == 0)
            #expect(thread.ebx == 1)
            #expect(thread.ecx == 1 << 8)
            #expect(thread.edx == apicID)
        }
        let core = try #require(cpuid.entry(0xB, index: 1))
        #expect(core.edx == apicID)
        #expect(core.ebx == UInt32(count))
        #expect(core.ecx == 2 << 8 | 1)
        // Shifted right by EAX, every id of the package becomes the same, and no more than needed is shifted.
        #expect((UInt32(count) - 1) >> core.eax == 0)
        #expect(core.eax == 0 || (UInt32(count) - 1) >> (core.eax - 1) != 0)
        let end = try #require(cpuid.entry(0xB, index: 2))
        #expect(end.eax == 0)
        #expect(end.ebx == 0)
        #expect(end.ecx == 2)
        #expect(end.edx == apicID)
    }

    /// Leaves in which AMD's processors tell the same, as Linux reads them.
    private let amd: [[UInt32]] = [
        [0, 0, 0, 1, 0x6874_7541, 0x444D_4163, 0x6974_6E65], [1, 0, 0, 0x800F12, 0, 0, 0],
        [0x8000_0001, 0, 0, 0x800F12, 0, 0x77, 0],
        [0x8000_0008, 0, 0, 0x3028, 0, 0x0003_500F, 0], [0x8000_001D, 0, 1, 0x0040_0121, 0x01C0_003F, 0x3F, 1],
        [0x8000_001D, 2, 1, 0x0040_0143, 0x01C0_003F, 0x3FF, 0],
        [0x8000_001D, 3, 1, 0x0000_0163, 0x03C0_003F, 0x1FFF, 6], [0x8000_001D, 4, 1],
        [0x8000_001E, 0, 0, 0xAAAA, 0xAAAA, 0xAAAA, 0xAAAA],
    ]

    @Test(arguments: [(0, 1, 0, 0), (1, 2, 1, 1), (5, 6, 3, 7), (299, 300, 9, 511)] as [(UInt32, Int, UInt32, UInt32)])
    func theLeavesOfAMDAgree(apicID: UInt32, count: Int, bits: UInt32, sharing: UInt32) throws {
        let cpuid = CPUID(table: table(amd)).forVCPU(apicID: apicID, count: count)
        #expect(cpuid.entry(0)?.eax == 0xB, "leaf 0xB is there, though the host's processor ends before it")
        #expect(cpuid.entry(0xB)?.edx == apicID)
        let features: UInt32 = 0x40_0075 | (count > 1 ? 2 : 0)
        #expect(cpuid.entry(0x8000_0001)?.ecx == features, "cores, not threads; 0x8000001E holds")
        let sizes: UInt32 = 0x0003_0000 | bits << 12 | min(UInt32(count) - 1, 255)
        #expect(cpuid.entry(0x8000_0008)?.ecx == sizes)
        #expect(
            cpuid.entry(0x8000_001D, index: 0)?.eax == 0x121,
            "a core's own")
        #expect(
            cpuid.entry(0x8000_001D, index: 2)?.eax == 0x143,
            "a core's own")
        #expect(cpuid.entry(0x8000_001D, index: 3)?.eax == 0x163 | sharing << 14, "the package's")
        #expect(cpuid.entry(0x8000_001D, index: 4)?.eax == 0)
        let topology = try #require(cpuid.entry(0x8000_001E))
        #expect(topology.eax == apicID)
        #expect(topology.ebx == apicID & 0xFF)
        #expect(topology.ecx == 0)
        #expect(cpuid.entry(0x1F) == nil, "what the host has not the guest has not")
    }

    @Test("Intel's caches are shared according to the topology")
    func intelCaches() {
        let intel: [[UInt32]] = [
            [0, 0, 0, 0x1F, 0x756E_6547, 0x6C65_746E, 0x4965_6E69], [4, 0, 1, 0x1C00_4121], [4, 1, 1, 0x1C00_4122],
            [4, 2, 1, 0x1C00_4143],
            [4, 3, 1, 0x1C03_C163], [4, 4, 1], [0x8000_0008, 0, 0, 0x302E, 0, 0, 0],
            [0x8000_0001, 0, 0, 0, 0, 0x121, 0],
        ]
        let cpuid = CPUID(table: table(intel)).forVCPU(apicID: 4, count: 5)
        #expect((0..<3).map { cpuid.entry(4, index: $0)?.eax } == [0x1C00_0121, 0x1C00_0122, 0x1C00_0143])
        #expect(cpuid.entry(4, index: 3)?.eax == 0x1C01_C163)
        #expect(cpuid.entry(4, index: 4)?.eax == 0)
        #expect(cpuid.entry(0x8000_0008)?.ecx == 0, "AMD's fields are AMD's")
        #expect(cpuid.entry(0x8000_0001)?.ecx == 0x121, "AMD's fields are AMD's")
        #expect(cpuid.isIntel)
        #expect(!CPUID(table: table(amd)).isIntel)
    }

    /// KVM answers zero in leaves that only name the processor.
    @Test func theProcessorKeepsItsName() throws {
        var cpuid = CPUID(
            table: table([
                [0x8000_0000, 0, 0, 0x8000_0004], [0x8000_0002, 0, 0, 0, 0, 0, 0], [0x8000_0003, 0, 0, 7, 0, 0, 0],
            ]))
        cpuid.fillIdentity { CPUID.Entry(function: $0, index: 0, flags: 0, eax: 1, ebx: 2, ecx: 3, edx: $0) }
        #expect(cpuid.entry(0x8000_0002)?.edx == 0x8000_0002)
        #expect(cpuid.entry(0x8000_0004)?.edx == 0x8000_0004)
        #expect(cpuid.entry(0x8000_0003)?.eax == 7, "what KVM gives stays")
        #expect(cpuid.entry(0x8000_0005) == nil, "nothing behind the last leaf")
    }

    @Test func otherLeavesAreTheHosts() {
        let cpuid = CPUID(table: table(host)).forVCPU(apicID: 3, count: 4)
        #expect(cpuid.entries.count == host.count - 4 + 6, "two topology leaves of three levels")
        #expect(cpuid.entry(7, index: 0)?.edx == 4)
        #expect(cpuid.entry(0)?.edx == 3)
    }

    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func theKernelTakesWhatItGaveAfterTheChange() throws {
        let hypervisor = try Hypervisor()
        let cpuid = try hypervisor.supportedCPUID()
        let vm = try hypervisor.makeVirtualMachine()
        try vm.makeIRQChip()
        for number in UInt32(0)..<4 { try vm.makeVirtualCPU(number).setCPUID(cpuid.forVCPU(apicID: number, count: 4)) }
    }
}
