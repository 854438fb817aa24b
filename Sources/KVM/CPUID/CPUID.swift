import CLinux

/// A vCPU's CPUID table; `struct kvm_cpuid2` of Documentation/virt/kvm/api.rst 4.46.
public struct CPUID: Sendable {
    /// One leaf: the registers that the CPUID instruction returns.
    public struct Entry: Sendable {
        public var function: UInt32
        public var index: UInt32
        /// KVM_CPUID_FLAG_*; bit 0: the index is significant.
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
                func word(_ index: Int) -> UInt32 {
                    bytes.load(fromByteOffset: 8 + number * Self.entrySize + index * 4, as: UInt32.self)
                }
                return Entry(
                    function: word(0), index: word(1), flags: word(2), eax: word(3), ebx: word(4), ecx: word(5),
                    edx: word(6))
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

    /// Returns the entry of a leaf, nil if the table has none.
    public func entry(_ function: UInt32, index: UInt32 = 0) -> Entry? {
        entries.first { $0.function == function && ($0.flags & 1 == 0 || $0.index == index) }
    }

    /// The number of physical address bits (leaf 0x80000008, EAX 7:0); 36 if the leaf is missing.
    public var physicalAddressBits: Int {
        let bits = Int((entry(0x8000_0008)?.eax ?? 36) & 0xFF)
        return (32...52).contains(bits) ? bits : 36
    }

    /// Executes the CPUID instruction on this host's processor.
    static func host(_ function: UInt32) -> Entry {
        var registers: [UInt32] = [0, 0, 0, 0]
        registers.withUnsafeMutableBufferPointer { cl_cpuid(function, 0, $0.baseAddress) }
        return Entry(
            function: function, index: 0, flags: 0, eax: registers[0], ebx: registers[1], ecx: registers[2],
            edx: registers[3])
    }

    /// The leaves of the processor's name and first-level caches, which KVM leaves zero although they need no support.
    private static let identity: ClosedRange<UInt32> = 0x8000_0002...0x8000_0005

    /// Fills the leaves that only identify the processor where KVM left them empty.
    /// - Parameter host: returns a leaf of the host.
    mutating func fillIdentity(from host: (UInt32) -> Entry = CPUID.host) {
        guard let last = entry(0x8000_0000)?.eax, last > 0x8000_0000 else { return }
        for function in Self.identity where function <= last {
            if let entry = entry(function), entry.eax | entry.ebx | entry.ecx | entry.edx != 0 { continue }
            entries.removeAll { $0.function == function }
            entries.append(host(function))
        }
    }
}
