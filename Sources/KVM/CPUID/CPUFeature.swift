/// A CPUID bit that reports a processor feature, under its name in Linux and QEMU.
public struct CPUFeature: Hashable, Sendable {
    enum Register: Hashable, Sendable { case eax, ebx, ecx, edx }

    /// In lower case.
    public let name: String
    let function: UInt32
    let index: UInt32
    let register: Register
    let bit: Int

    /// Finds a feature by its name: `x2apic`, `tsc-deadline`. Underscores count as hyphens; nil for an unknown name.
    public init?(_ name: String) {
        guard let feature = Self.byName[String(name.lowercased().map { $0 == "_" ? "-" : $0 })] else { return nil }
        self = feature
    }

    private init(_ name: String, _ word: Word, _ bit: Int) {
        (self.name, function, index, register, self.bit) = (name, word.function, word.index, word.register, bit)
    }

    /// A register of a leaf, and the names of its bits from bit 0 on; a hyphen for a bit without a name.
    private struct Word {
        let function: UInt32
        var index: UInt32 = 0
        let register: Register
        let names: String
    }

    // Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
    private static let words = [
        Word(
            function: 1, register: .edx,
            names: """
                fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx \
                fxsr sse sse2 ss ht tm ia64 pbe
                """),
        Word(
            function: 1, register: .ecx,
            names: """
                sse3 pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4.1 \
                sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor
                """),
        Word(
            function: 7, register: .ebx,
            names: """
                fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm - - mpx - avx512f \
                avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni \
                avx512bw avx512vl
                """),
        Word(
            function: 7, register: .ecx,
            names: """
                - avx512vbmi umip pku ospke waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - \
                avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks
                """),
        Word(
            function: 7, register: .edx,
            names: """
                - - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - md-clear - - - serialize - tsx-ldtrk \
                - - arch-lbr ibt - amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp - arch-capabilities \
                core-capability ssbd
                """),
        Word(
            function: 7, index: 1, register: .eax,
            names:
                """
                - - - - avx-vnni avx512-bf16 - cmpccxadd - - fzrm fsrs fsrc - - - - - - - - amx-fp16 - avx-ifma - \
                - lam - - - - -
                """
        ),
        Word(function: 0xD, index: 1, register: .eax, names: "xsaveopt xsavec xgetbv1 xsaves xfd"),
        Word(
            function: 0x8000_0001, register: .ecx,
            names: """
                lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - \
                lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb
                """),
        Word(
            function: 0x8000_0001, register: .edx,
            names:
                """
                - - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm \
                3dnowext 3dnow
                """
        ),
        Word(function: 0x8000_0008, register: .ebx, names: "clzero - xsaveerptr - rdpru - - - - wbnoinvd - - ibpb"),
        Word(
            function: 0x8000_000A, register: .edx,
            names: "npt lbrv svm-lock nrip-save tsc-scale vmcb-clean flushbyasid decodeassists - - pause-filter"),
    ]

    /// Alternative names.
    private static let aliases = [
        "pni": "sse3", "sse4-1": "sse4.1", "sse4-2": "sse4.2", "i64": "lm", "xd": "nx", "ffxsr": "fxsr-opt",
        "pclmuldq": "pclmulqdq",
    ]

    private static let byName: [String: CPUFeature] = {
        var features: [String: CPUFeature] = [:]
        for word in words {
            for (bit, name) in word.names.split(whereSeparator: \.isWhitespace).enumerated() where name != "-" {
                features[String(name)] = CPUFeature(String(name), word, bit)
            }
        }
        for (alias, name) in aliases { features[alias] = features[name] }
        return features
    }()

    func isSet(in entry: CPUID.Entry) -> Bool {
        let value =
            switch register {
            case .eax: entry.eax
            case .ebx: entry.ebx
            case .ecx: entry.ecx
            case .edx: entry.edx
            }
        return value >> UInt32(bit) & 1 != 0
    }

    func set(_ isSet: Bool, in entry: inout CPUID.Entry) {
        func change(_ value: inout UInt32) { value = isSet ? value | 1 << UInt32(bit) : value & ~(1 << UInt32(bit)) }
        switch register {
        case .eax: change(&entry.eax)
        case .ebx: change(&entry.ebx)
        case .ecx: change(&entry.ecx)
        case .edx: change(&entry.edx)
        }
    }

    func covers(_ entry: CPUID.Entry) -> Bool {
        entry.function == function && (entry.flags & 1 == 0 || entry.index == index)
    }

    /// All features with a name.
    static var all: [CPUFeature] { Array(Set(byName.values)) }
}
