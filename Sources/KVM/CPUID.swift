/// The table of CPUID answers a vCPU gives; `struct kvm_cpuid2` of Documentation/virt/kvm/api.rst 4.46.
public struct CPUID: Sendable {
    /// One answer. Registers as the CPUID instruction returns them.
    public struct Entry: Sendable {
        public var function: UInt32
        public var index: UInt32
        /// KVM_CPUID_FLAG_*; bit 0: the index counts.
        public var flags: UInt32
        public var eax, ebx, ecx, edx: UInt32
    }

    public var entries: [Entry]

    private static let capacity = 256
    private static let entrySize = 40

    static var emptyTable: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 + capacity * entrySize)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: UInt32(capacity), as: UInt32.self) }
        return bytes
    }

    init(table: [UInt8]) {
        entries = table.withUnsafeBytes { bytes in
            let count = min(Int(bytes.load(as: UInt32.self)), Self.capacity)
            return (0..<count).map { number in
                func word(_ index: Int) -> UInt32 { bytes.load(fromByteOffset: 8 + number * Self.entrySize + index * 4, as: UInt32.self) }
                return Entry(
                    function: word(0), index: word(1), flags: word(2), eax: word(3), ebx: word(4), ecx: word(5), edx: word(6))
            }
        }
    }

    var table: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 + entries.count * Self.entrySize)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt32(entries.count), as: UInt32.self)
            for (number, entry) in entries.enumerated() {
                let words = [entry.function, entry.index, entry.flags, entry.eax, entry.ebx, entry.ecx, entry.edx]
                for (index, word) in words.enumerated() {
                    bytes.storeBytes(of: word, toByteOffset: 8 + number * Self.entrySize + index * 4, as: UInt32.self)
                }
            }
        }
        return bytes
    }

    /// The answer for a leaf, nil where the host gives none.
    public func entry(_ function: UInt32, index: UInt32 = 0) -> Entry? {
        entries.first { $0.function == function && ($0.flags & 1 == 0 || $0.index == index) }
    }

    /// The number of physical address bits (leaf 0x80000008, EAX 7:0); 36 where the leaf is missing.
    public var physicalAddressBits: Int {
        let bits = Int((entry(0x8000_0008)?.eax ?? 36) & 0xFF)
        return (32...52).contains(bits) ? bits : 36
    }

    /// The same table as the vCPU with this APIC id sees it, in a machine of `count` vCPUs, one thread a core, one package.
    ///
    /// Sets the ids in leaves 1, 0xB and 0x1F, the logical processor count in leaf 1 (Intel SDM volume 2A, CPUID), the x2APIC bit, and
    /// the TSC-deadline bit, which KVM emulates but leaves out of its own answer.
    public func forVCPU(apicID: UInt32, count: Int) -> CPUID {
        var copy = self
        let processors = UInt32(min(max(count, 1), 255))
        var shift: UInt32 = 0
        while (1 << shift) < count { shift += 1 }
        for number in copy.entries.indices {
            switch copy.entries[number].function {
            case 1:
                copy.entries[number].ebx = copy.entries[number].ebx & 0x0000_FFFF | min(apicID, 255) << 24 | processors << 16
                copy.entries[number].ecx |= 1 << 21 | 1 << 24 | 1 << 31
                if count > 1 { copy.entries[number].edx |= 1 << 28 } else { copy.entries[number].edx &= ~(1 << 28) }
            case 0xB, 0x1F:
                copy.entries[number].edx = apicID
                switch copy.entries[number].index {
                case 0: (copy.entries[number].eax, copy.entries[number].ebx, copy.entries[number].ecx) = (0, 1, 1 << 8)
                case 1: (copy.entries[number].eax, copy.entries[number].ebx, copy.entries[number].ecx) = (shift, UInt32(count), 2 << 8 | 1)
                default: (copy.entries[number].eax, copy.entries[number].ebx, copy.entries[number].ecx) = (0, 0, copy.entries[number].index)
                }
            case 0x8000_001E:
                // AMD's own topology leaf, APM volume 3, E.4.16: extended APIC id; compute unit, one thread each; node 0.
                copy.entries[number].eax = apicID
                copy.entries[number].ebx = apicID & 0xFF
                copy.entries[number].ecx = 0
            default: break
            }
        }
        return copy
    }
}
