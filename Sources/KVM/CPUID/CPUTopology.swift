/// One package of single-threaded cores with APIC ids from 0 on: the topology that CPUID reports to a machine's vCPUs.
struct CPUTopology {
    /// The number of vCPUs, 1 or more.
    let count: UInt32

    init(count: Int) { self.count = UInt32(clamping: max(count, 1)) }

    /// The number of APIC id bits that identify a core within the package.
    var coreBits: UInt32 {
        var bits: UInt32 = 0
        while (UInt64(1) << UInt64(bits)) < UInt64(count) { bits += 1 }
        return bits
    }

    /// The number of APIC ids of the package, including those without a vCPU: a power of two.
    private var addressable: UInt32 { 1 << min(coreBits, 31) }

    /// Returns leaf 0xB or 0x1F: a level of threads, one per core, a level of cores, and the end. Intel SDM volume 2A,
    /// CPUID.
    func extendedTopology(_ function: UInt32, apicID: UInt32) -> [CPUID.Entry] {
        func level(_ index: UInt32, shift: UInt32, processors: UInt32, kind: UInt32) -> CPUID.Entry {
            CPUID.Entry(
                function: function, index: index, flags: 1, eax: shift, ebx: processors & 0xFFFF,
                ecx: kind << 8 | index, edx: apicID)
        }
        return [
            level(0, shift: 0, processors: 1, kind: 1), level(1, shift: coreBits, processors: count, kind: 2),
            level(2, shift: 0, processors: 0, kind: 0),
        ]
    }

    /// Adjusts EAX of a cache in leaf 4 (Intel) or 0x8000001D (AMD APM volume 3, E.4.15): first and second level belong
    /// to a core, the third to the package. Bits 31:26 are Intel's count of cores, which AMD reserves.
    func cache(_ eax: UInt32, countsCores: Bool) -> UInt32 {
        guard eax & 0x1F != 0 else { return eax }
        let sharing = (eax >> 5) & 7 >= 3 ? addressable : 1
        let cores = countsCores ? min(addressable - 1, 63) << 26 : 0
        return eax & 0x3FFF | min(sharing - 1, 4095) << 14 | cores
    }

    /// Adjusts ECX of leaf 0x80000008: the number of threads, and the number of APIC id bits that identify them. APM
    /// volume 3, E.4.7.
    func sizeIdentifiers(_ ecx: UInt32) -> UInt32 {
        ecx & ~0xF0FF | min(coreBits, 15) << 12 | min(count - 1, 255)
    }
}

extension CPUID {
    /// True if leaf 0 names AMD, or Hygon, whose processors derive from AMD's: then AMD's leaves apply.
    public var isAMD: Bool { entry(0).map { $0.ebx == 0x6874_7541 || $0.ebx == 0x6F67_7948 } ?? false }

    /// True if leaf 0 names Intel.
    public var isIntel: Bool { entry(0)?.ebx == 0x756E_6547 }

    /// Returns this table for the vCPU with this APIC id, in a machine of `count` vCPUs: one package, one thread per
    /// core.
    ///
    /// Sets the ids and counts of vCPUs in the leaves of both vendors, the x2APIC and hypervisor bits, and the
    /// TSC-deadline bit, which KVM emulates but does not report. KVM's own leaves (0x40000000, 0x40000001) are kept.
    public func forVCPU(apicID: UInt32, count: Int) -> CPUID {
        let topology = CPUTopology(count: count)
        let isAMD = isAMD
        let hasLeaf1F = entry(0x1F) != nil
        var copy = self
        copy.entries.removeAll { $0.function == 0xB || $0.function == 0x1F }
        let hasCaches = (entry(0x8000_001D)?.eax ?? 0) & 0x1F != 0 && entry(0x8000_001E) != nil
        for number in copy.entries.indices {
            Self.specialize(&copy.entries[number], topology, apicID: apicID, isAMD: isAMD)
            if isAMD, hasCaches, copy.entries[number].function == 0x8000_0001 {
                copy.entries[number].ecx |= Self.topologyExtensions
            }
        }
        copy.entries += topology.extendedTopology(0xB, apicID: apicID)
        if hasLeaf1F { copy.entries += topology.extendedTopology(0x1F, apicID: apicID) }
        return copy
    }

    /// The topology extensions bit: leaves 0x8000001D and 0x8000001E are valid. KVM fills the leaves but not the bit.
    /// APM volume 3, E.4.2.
    private static let topologyExtensions: UInt32 = 1 << 22

    private static func specialize(_ entry: inout Entry, _ topology: CPUTopology, apicID: UInt32, isAMD: Bool) {
        let isMultiple = topology.count > 1
        switch entry.function {
        // Guests then find the ids that leaf 1 can't hold.
        case 0: entry.eax = max(entry.eax, 0xB)
        case 1:
            // The low eight bits of the x2APIC id, and the number of ids.
            entry.ebx = entry.ebx & 0x0000_FFFF | (apicID & 0xFF) << 24 | min(topology.count, 255) << 16
            entry.ecx |= 1 << 21 | 1 << 24 | 1 << 31
            entry.edx = entry.edx & ~(1 << 28) | (isMultiple ? 1 << 28 : 0)
        case 4: entry.eax = topology.cache(entry.eax, countsCores: true)
        case 0x8000_001D: entry.eax = topology.cache(entry.eax, countsCores: false)
        // The processors that leaf 1 counts are cores, not threads. APM volume 3, E.4.2.
        case 0x8000_0001 where isAMD: entry.ecx = entry.ecx & ~2 | (isMultiple ? 2 : 0)
        case 0x8000_0008 where isAMD: entry.ecx = topology.sizeIdentifiers(entry.ecx)
        // Extended APIC id; core, one thread each; node 0 of one. APM volume 3, E.4.16.
        case 0x8000_001E: (entry.eax, entry.ebx, entry.ecx) = (apicID, apicID & 0xFF, 0)
        default: break
        }
    }
}
