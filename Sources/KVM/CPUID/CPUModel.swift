/// The processor that guests see: the host's own or a named one, with features added and removed. The syntax is that of
/// QEMU's `-cpu`: `host,-xsave`, `qemu64,+x2apic`, `max,vendor=GenuineIntel`.
///
/// A guest never gets a feature that KVM does not offer; `missing(from:)` lists those requested beyond that.
public struct CPUModel: Equatable, Sendable {
    /// The reason why a text names no processor.
    public enum ParseError: Error, Equatable, CustomStringConvertible {
        case unknownModel(String)
        case unknownFeature(String)
        case badVendor(String)
        case badAddressBits(String)

        public var description: String {
            switch self {
            case .unknownModel(let name):
                "there is no processor model '\(name)' here: take \(CPUModel.modelNames.joined(separator: ", "))"
            case .unknownFeature(let name): "'\(name)' is no processor feature known here"
            case .badVendor(let text): "'\(text)' is no processor vendor: give 12 ASCII characters, as in AuthenticAMD"
            case .badAddressBits(let text): "'\(text)' is no number of physical address bits: give 32 to 52"
            }
        }
    }

    private struct Change: Equatable {
        let feature: CPUFeature
        let isOn: Bool
    }

    /// A named processor: all its properties except the host's limits.
    private struct Named: Equatable {
        let name: String
        /// EAX of leaf 1.
        let signature: UInt32
        let highestLeaf: UInt32
        let highestExtendedLeaf: UInt32
        let features: Set<CPUFeature>

        init(_ name: String, signature: UInt32, highestLeaf: UInt32, highestExtendedLeaf: UInt32, features: String) {
            self.name = name
            self.signature = signature
            self.highestLeaf = highestLeaf
            self.highestExtendedLeaf = highestExtendedLeaf
            self.features = Set(features.split(separator: " ").compactMap { CPUFeature(String($0)) })
        }
    }

    private var named: Named?
    private var changes: [Change] = []
    private var vendor: String?
    private var addressBits: UInt32?

    /// The host's processor, with all features that KVM offers.
    public static let host = CPUModel()

    private init() {}

    private static let common = """
        fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 sse3 lm nx \
        syscall x2apic hypervisor ht
        """

    /// The processors that tests written for QEMU ask for: its own minimal 64-bit one, and AMD's first Opteron.
    private static let models = [
        Named(
            "qemu64", signature: 0x0006_0FB1, highestLeaf: 0xD, highestExtendedLeaf: 0x8000_000A,
            features: "\(common) cx16 lahf-lm"),
        Named(
            "Opteron_G1", signature: 0x0000_0F61, highestLeaf: 5, highestExtendedLeaf: 0x8000_0008,
            features: "\(common) vme"),
    ]

    /// The names that a model can begin with.
    public static var modelNames: [String] { ["host", "max"] + models.map(\.name) }

    /// Parses a model and its modifiers, separated by commas.
    public init(_ text: String) throws(ParseError) {
        var words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)[...]
        let name = words.removeFirst()
        if name != "host", name != "max" {
            guard let model = Self.models.first(where: { $0.name == name }) else { throw .unknownModel(name) }
            named = model
        }
        for word in words { try change(word) }
    }

    private mutating func change(_ word: String) throws(ParseError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let key = parts.first ?? ""
        let value = parts.count == 2 ? parts[1] : nil
        switch key {
        case "vendor":
            guard let value, value.utf8.count == 12, value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                throw .badVendor(value ?? "")
            }
            vendor = value
        case "phys-bits":
            guard let value, let bits = UInt32(value), (32...52).contains(bits) else {
                throw .badAddressBits(value ?? "")
            }
            addressBits = bits
        // Guests have the host's number of bits by default, and there is no migration.
        case "host-phys-bits" where value == nil || value == "on" || value == "off": break
        case "migratable" where value == "on" || value == "off" || value == "no" || value == "yes": break
        default:
            let isOn: Bool
            let name: String
            switch (key.first, value) {
            case ("+", nil): (isOn, name) = (true, String(key.dropFirst()))
            case ("-", nil): (isOn, name) = (false, String(key.dropFirst()))
            case (_, nil), (_, "on"): (isOn, name) = (true, key)
            case (_, "off"): (isOn, name) = (false, key)
            default: throw .unknownFeature(word)
            }
            guard let feature = CPUFeature(name) else { throw .unknownFeature(word) }
            changes.append(Change(feature: feature, isOn: isOn))
        }
    }

    /// Returns the requested features that KVM does not offer on this host.
    public func missing(from host: CPUID) -> [CPUFeature] {
        let wanted = changes.filter(\.isOn).map(\.feature)
        return wanted.filter { feature in
            !Self.isEmulated(feature) && !host.entries.contains { feature.covers($0) && feature.isSet(in: $0) }
        }
    }

    /// Returns true for features that KVM gives every guest with in-kernel local APICs, on any host processor.
    private static func isEmulated(_ feature: CPUFeature) -> Bool {
        ["x2apic", "tsc-deadline", "hypervisor"].contains(feature.name)
    }

    /// Returns a vCPU's table for this model.
    /// - Parameter table: the result of `CPUID.forVCPU`.
    public func applied(to table: CPUID) -> CPUID {
        guard self != Self.host else { return table.withoutOrphans }
        var copy = table
        if let named { reduce(&copy, to: named) }
        for change in changes {
            for number in copy.entries.indices where change.feature.covers(copy.entries[number]) {
                let isOffered = Self.isEmulated(change.feature) || change.feature.isSet(in: table.entries[number])
                change.feature.set(change.isOn && isOffered, in: &copy.entries[number])
            }
        }
        if let vendor { copy.vendor = Array(vendor.utf8) }
        if named != nil || vendor != nil { copy.repeatFeaturesAsAMDDoes() }
        if let addressBits, let number = copy.entries.firstIndex(where: { $0.function == 0x8000_0008 }) {
            copy.entries[number].eax = copy.entries[number].eax & ~0xFF | addressBits
        }
        let kept = copy.entries.filter { entry in
            guard let named else { return true }
            // The hypervisor's leaves, from 0x40000000 on, are kept.
            return entry.function < 0x4000_0000
                ? entry.function <= named.highestLeaf : entry.function <= named.highestExtendedLeaf
        }
        copy.entries = kept
        return copy.withoutOrphans
    }

    private func reduce(_ table: inout CPUID, to model: Named) {
        let hasExtendedState = changes.last { $0.feature.name == "xsave" }?.isOn == true
        let others = CPUFeature.all.filter { !model.features.contains($0) }
        for number in table.entries.indices {
            switch table.entries[number].function {
            case 0: table.entries[number].eax = min(table.entries[number].eax, model.highestLeaf)
            case 0x8000_0000: table.entries[number].eax = min(table.entries[number].eax, model.highestExtendedLeaf)
            case 1: table.entries[number].eax = model.signature
            case 0xD where hasExtendedState: break
            // Thermal, performance counters, extended state, invariant TSC: the models have none of them.
            case 5, 6, 0xA, 0xD, 0x8000_0007, 0x8000_000A:
                let entry = table.entries[number]
                table.entries[number] = CPUID.Entry(
                    function: entry.function, index: entry.index, flags: entry.flags, eax: 0, ebx: 0, ecx: 0, edx: 0)
            default: break
            }
            for feature in others where feature.covers(table.entries[number]) {
                feature.set(false, in: &table.entries[number])
            }
        }
    }
}

extension CPUID {
    /// The features that require XSAVE (Intel SDM volume 1, 13.1 and 14.3; arch/x86/kernel/cpu/cpuid-deps.c of Linux).
    private static let extendedState = """
        avx avx2 fma f16c fma4 xop vaes vpclmulqdq pku ospke mpx osxsave avx512f avx512dq avx512ifma avx512pf avx512er \
        avx512cd avx512bw avx512vl avx512vbmi avx512vbmi2 avx512vnni avx512bitalg avx512-vpopcntdq avx512-4vnniw \
        avx512-4fmaps avx512-vp2intersect avx512-fp16 amx-bf16 amx-tile amx-int8 avx-vnni avx512-bf16 amx-fp16 \
        avx-ifma xsaveopt xsavec xgetbv1 xsaves
        """.split(separator: " ").compactMap { CPUFeature(String($0)) }

    /// The table without features that require XSAVE, if XSAVE itself is missing. No real processor lacks it alone, and
    /// kernels from Linux 7.2 on crash on one.
    var withoutOrphans: CPUID {
        guard let leaf = entry(1), leaf.ecx & 1 << 26 == 0 else { return self }
        var copy = self
        for number in copy.entries.indices {
            for feature in Self.extendedState where feature.covers(copy.entries[number]) {
                feature.set(false, in: &copy.entries[number])
            }
            let entry = copy.entries[number]
            guard entry.function == 0xD else { continue }
            copy.entries[number] = Entry(
                function: entry.function, index: entry.index, flags: entry.flags, eax: 0, ebx: 0, ecx: 0, edx: 0)
        }
        return copy
    }

    /// The 12 characters of leaf 0, in the order EBX, EDX, ECX; AMD's processors repeat them in leaf 0x80000000.
    var vendor: [UInt8] {
        get {
            guard let entry = entry(0) else { return [] }
            return [entry.ebx, entry.edx, entry.ecx].flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) }
            }
        }
        set {
            func word(_ index: Int) -> UInt32 {
                (0..<4).reduce(0) { $0 | UInt32(newValue[index * 4 + $1]) << UInt32($1 * 8) }
            }
            guard newValue.count == 12 else { return }
            for number in entries.indices where entries[number].function == 0 || entries[number].function == 0x8000_0000
            {
                (entries[number].ebx, entries[number].edx, entries[number].ecx) = (word(0), word(1), word(2))
            }
        }
    }

    /// Repeats bits of leaf 1's EDX in EDX of leaf 0x80000001, as AMD's processors do for the bits that both registers
    /// define. APM volume 3, E.4.2.
    mutating func repeatFeaturesAsAMDDoes() {
        let shared: UInt32 = 0x0183_F3FF
        guard let leaf = entry(1) else { return }
        let bits = vendor == Array("AuthenticAMD".utf8) ? leaf.edx & shared : 0
        for number in entries.indices where entries[number].function == 0x8000_0001 {
            entries[number].edx = entries[number].edx & ~shared | bits
        }
    }
}
