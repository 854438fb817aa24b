import Testing

@testable import KVM

@Suite struct CPUModelTests {
    /// Leaf 1 with everything, structured features with SMEP, SMAP, FSGSBASE, UMIP and PKU, extended ones with LM, NX,
    /// SYSCALL, RDTSCP, SVM.
    private let host: CPUID = {
        var host = CPUID(table: [UInt8](repeating: 0, count: 8))
        func add(
            _ function: UInt32, index: UInt32 = 0, flags: UInt32 = 0, _ eax: UInt32, _ ebx: UInt32, _ ecx: UInt32,
            _ edx: UInt32
        ) {
            host.entries.append(
                .init(function: function, index: index, flags: flags, eax: eax, ebx: ebx, ecx: ecx, edx: edx))
        }
        add(0, 0x1F, 0x6874_7541, 0x444D_4163, 0x6974_6E65)
        add(1, 0x0080_0F12, 0x0102_0800, .max & ~(1 << 24), .max)
        add(7, index: 0, flags: 1, 1, 1 << 0 | 1 << 7 | 1 << 20, 1 << 2 | 1 << 3, 0)
        add(0xD, index: 0, flags: 1, 7, 0x340, 0x340, 0)
        add(0x1F, index: 0, flags: 1, 0, 1, 0x100, 0)
        add(0x4000_0000, 0x4000_0001, 0x4B4D_564B, 0x564B_4D56, 0x4D)
        add(0x8000_0000, 0x8000_001F, 0x6874_7541, 0x444D_4163, 0x6974_6E65)
        add(0x8000_0001, 0, 0, 1 << 0 | 1 << 2, 1 << 29 | 1 << 27 | 1 << 20 | 1 << 11)
        add(0x8000_0008, 0x3030, 0xFF, 0, 0)
        add(0x8000_001E, 1, 2, 3, 4)
        return host
    }()

    private func has(_ name: String, _ cpuid: CPUID) throws -> Bool {
        let feature = try #require(CPUFeature(name))
        return cpuid.entries.contains { feature.covers($0) && feature.isSet(in: $0) }
    }

    @Test func theHostsOwnIsTheTableAsItIs() throws {
        #expect(CPUModel.host.applied(to: host).table == host.table)
        #expect(try CPUModel("host") == CPUModel("max"))
        #expect(try CPUModel("host").applied(to: host).table == host.table)
    }

    @Test(
        arguments: [
            ("x2apic", 1, "ecx", 21), ("tsc-deadline", 1, "ecx", 24), ("tsc_deadline", 1, "ecx", 24),
            ("PCID", 1, "ecx", 17), ("apic", 1, "edx", 9),
            ("hypervisor", 1, "ecx", 31), ("smep", 7, "ebx", 7), ("invpcid", 7, "ebx", 10), ("smap", 7, "ebx", 20),
            ("umip", 7, "ecx", 2),
            ("pku", 7, "ecx", 3), ("la57", 7, "ecx", 16), ("rdpid", 7, "ecx", 22), ("pks", 7, "ecx", 31),
            ("fsrm", 7, "edx", 4),
            ("ssbd", 7, "edx", 31), ("lam", 7, "eax", 26), ("xsaves", 0xD, "eax", 3), ("svm", 0x8000_0001, "ecx", 2),
            ("skinit", 0x8000_0001, "ecx", 12), ("nx", 0x8000_0001, "edx", 20), ("rdtscp", 0x8000_0001, "edx", 27),
            ("lm", 0x8000_0001, "edx", 29), ("rdpru", 0x8000_0008, "ebx", 4), ("npt", 0x8000_000A, "edx", 0),
            ("sse4_1", 1, "ecx", 19),
            ("xsave", 1, "ecx", 26), ("rdrand", 1, "ecx", 30), ("avx512vl", 7, "ebx", 31),
        ] as [(String, UInt32, String, Int)])
    func featuresAreWhereTheManualsHaveThem(name: String, function: UInt32, register: String, bit: Int) throws {
        let feature = try #require(CPUFeature(name))
        #expect(feature.function == function)
        #expect("\(feature.register)" == register)
        #expect(feature.bit == bit)
    }

    @Test("features can be removed, and added only if the host has them")
    func featureModifiers() throws {
        let without = try CPUModel("host,-x2apic,smap=off").applied(to: host)
        #expect(try !has("x2apic", without))
        #expect(try !has("smap", without))
        #expect(try has("smep", without))
        let model = try CPUModel("qemu64,+umip,+pcid,+invpcid,+tsc-deadline")
        let with = model.applied(to: host)
        #expect(try has("umip", with))
        #expect(try has("pcid", with))
        #expect(try !has("invpcid", with))
        #expect(try has("tsc-deadline", with), "KVM emulates it whatever its own answer says")
        #expect(model.missing(from: host).map(\.name) == ["invpcid"])
        #expect(try CPUModel("host").missing(from: host).isEmpty)
    }

    @Test func aNamedModelHasNoMoreThanItsOwn() throws {
        let table = try CPUModel("qemu64").applied(to: host)
        for name in ["smep", "smap", "umip", "pku", "svm", "rdtscp", "pcid", "xsave", "avx", "tsc-deadline", "rdpru"] {
            #expect(try !has(name, table), "\(name)")
        }
        for name in ["fpu", "sse2", "cx16", "lm", "nx", "syscall", "x2apic", "hypervisor", "lahf-lm"] {
            #expect(try has(name, table), "\(name)")
        }
        #expect(table.entry(0)?.eax == 0xD)
        #expect(table.entry(0x8000_0000)?.eax == 0x8000_000A)
        #expect(table.entry(1)?.eax == 0x0006_0FB1)
        #expect(table.entry(1)?.ebx == 0x0102_0800, "the vCPU's own ids stay")
        #expect(table.entry(0x1F) == nil)
        #expect(table.entry(0x8000_001E) == nil)
        #expect(table.entry(0x4000_0000) != nil)
        #expect(table.entry(0xD)?.eax == 0)
        let withXSAVE = try CPUModel("qemu64,+xsave").applied(to: host)
        #expect(try has("xsave", withXSAVE))
        #expect(withXSAVE.entry(0xD)?.eax == 7)
        // On AMD's processors the extended leaf repeats the bits of the first.
        #expect(try #require(table.entry(0x8000_0001)).edx & 1 << 9 != 0)
        #expect(
            try #require(CPUModel("qemu64,vendor=GenuineIntel").applied(to: host).entry(0x8000_0001)).edx & 1 << 9 == 0)
        #expect(try !has("cx16", CPUModel("Opteron_G1").applied(to: host)))
    }

    @Test("A guest without XSAVE gets no feature that requires it", arguments: ["host,-xsave", "host"])
    func orphans(model: String) throws {
        var table = host
        // A host that has lost XSAVE and not what needs it, as QEMU's -cpu EPYC,-xsave makes one.
        if model == "host" {
            for number in table.entries.indices where table.entries[number].function == 1 {
                table.entries[number].ecx &= ~(1 << 26)
            }
        }
        #expect(try has("avx", table))
        #expect(try has("fma", table))
        #expect(try has("pku", table))
        let cpuid = try CPUModel(model).applied(to: table)
        for name in ["xsave", "osxsave", "avx", "fma", "f16c", "pku"] { #expect(try !has(name, cpuid), "\(name)") }
        for name in ["aes", "sse4.2", "umip", "smep"] { #expect(try has(name, cpuid), "\(name)") }
        let state = try #require(cpuid.entries.first { $0.function == 0xD })
        #expect([state.eax, state.ebx, state.ecx, state.edx] == [0, 0, 0, 0])
    }

    @Test func vendorAndAddressBits() throws {
        let table = try CPUModel("max,vendor=GenuineIntel,phys-bits=36,host-phys-bits=off").applied(to: host)
        #expect(String(decoding: table.vendor, as: UTF8.self) == "GenuineIntel")
        #expect(try #require(table.entry(0)).ebx == 0x756E_6547)
        #expect(try #require(table.entry(0x8000_0000)).ebx == 0x756E_6547)
        #expect(table.physicalAddressBits == 36)
        #expect(table.entry(0x8000_0008)?.eax == 0x3024)
        #expect(host.physicalAddressBits == 48)
    }

    @Test(
        arguments: [
            ("", .unknownModel("")), ("Skylake-Server", .unknownModel("Skylake-Server")),
            ("host,hv_passthrough", .unknownFeature("hv_passthrough")),
            ("host,+nonsense", .unknownFeature("+nonsense")), ("host,", .unknownFeature("")),
            ("host,smap=yes", .unknownFeature("smap=yes")),
            ("host,+smap=on", .unknownFeature("+smap=on")), ("host,vendor=Intel", .badVendor("Intel")),
            ("host,vendor", .badVendor("")),
            ("host,phys-bits=64", .badAddressBits("64")), ("host,phys-bits=", .badAddressBits("")),
        ] as [(String, CPUModel.ParseError)])
    func whatNamesNoProcessor(text: String, error: CPUModel.ParseError) {
        #expect(throws: error) { try CPUModel(text) }
    }
}
