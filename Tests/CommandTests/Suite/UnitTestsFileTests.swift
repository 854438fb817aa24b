import Testing

@testable import swiftlet

/// What a `unittests.cfg` of kvm-unit-tests says, and what swiftlet makes of it.
@Suite struct UnitTestsFileTests {
    @Test func sectionsAndTheirKeys() throws {
        let file = try UnitTestsFile(
            """
            # [no]
            file = before.flat
            [first]
              file = a.flat\u{20}\u{20}
            smp=4
            test_args = 'one two' three
            qemu_params = -cpu max,+x2apic -m 2048
            groups = apic  nodefault
            arch = x86_64
            machine = q35
            check = /a=Y /b=0
            accel = kvm
            timeout = 30
            disabled_if = [ 1 = 2 ]
            kvmtool_params = --x
            #smp = 9

            [second]
            file   =   b.flat
            extra_params = -x=y
            """)
        #expect(file.tests.map(\.name) == ["first", "second"])
        let first = try #require(file.tests.first)
        #expect(first.file == "a.flat")
        #expect(first.smp == "4")
        #expect(first.arguments == "'one two' three")
        #expect(first.parameters == "-cpu max,+x2apic -m 2048")
        #expect(first.groups == ["apic", "nodefault"])
        #expect(first.arch == "x86_64")
        #expect(first.machine == "q35")
        #expect(first.checks == ["/a=Y", "/b=0"])
        #expect(first.accel == "kvm")
        #expect(first.timeout == "30")
        #expect(first.disabledIf == "[ 1 = 2 ]")
        #expect(file.tests.last == UnitTestsFile.Test(name: "second", file: "b.flat", parameters: "-x=y"))
    }

    /// As much as is read of a file, in the ways that cost most.
    @Test(arguments: ["[t]\n", "k=\"\"\"\n", "a\\\n", " \t", "[\u{301}]\n", "groups = a a\n", "="])
    func aFileOfAnyTextIsReadOrRefusedAtOnce(_ piece: String) {
        let text = "[first]\nfile = \"\"\"" + String(repeating: piece, count: (1 << 20) / piece.utf8.count)
        let start = ContinuousClock.now
        _ = try? UnitTestsFile(text)
        _ = try? UnitTestsFile("[first]\n" + text.dropFirst(18))
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func valuesOfSeveralLines() throws {
        let file = try UnitTestsFile(
            #"""
            [a]
            extra_params = """-one \
            -two
            -three\\
            -four"""
            smp = 2
            [b]
            qemu_params = """-x"""
            """#)
        #expect(file.tests.map(\.parameters) == ["-one -two\n-three\\\\\n-four", "-x"])
        #expect(file.tests.first?.smp == "2")
    }

    @Test func whatCantBeRead() {
        #expect(throws: UnitTestsFile.ParseError.openQuotes(line: 3)) {
            try UnitTestsFile("\n[a]\nextra_params = \"\"\"-x\nsmp = 2")
        }
        #expect(throws: UnitTestsFile.ParseError.repeatedName("a", line: 3)) { try UnitTestsFile("[a]\nfile = b\n[a]") }
        #expect((try? UnitTestsFile("\u{0}\n=\n[\n]\n[]x\nfile"))?.tests == [])
    }

    @Test(
        arguments: [
            ("", []), ("  a  b\tc\n", ["a", "b", "c"]), ("'a b' \"c d\"e", ["a b", "c de"]), ("''", [""]),
            (#"a\ b \'"#, ["a b", "'"]),
            (#""a\"b\n" '\n'"#, [#"a"b\n"#, #"\n"#]), ("a\\\nb", ["ab"]), ("x`date`y 'z`'", ["x7y", "z`"]),
            ("\"`date` b\"", ["7 b"]), ("*", ["*"]),
        ] as [(String, [String])])
    func wordsAsAShellSplitsThem(text: String, words: [String]) throws {
        #expect(try ShellWords.split(text) { $0 == "date" ? "7" : nil } == words)
    }

    @Test(
        arguments: [
            ("'a", .openQuote("'")), ("a \"b", .openQuote("\"")), ("`date", .openQuote("`")),
            ("`id`", .expansion("`id`")),
            ("a $HOME/x b", .expansion("$HOME/x")), ("\"$(id)\"", .expansion("$(id)\"")),
        ] as [(String, ShellWords.SplitError)])
    func whatOnlyAShellKnows(text: String, error: ShellWords.SplitError) {
        #expect(throws: error) { try ShellWords.split(text) { $0 == "date" ? "7" : nil } }
    }

    private func plan(_ test: UnitTestsFile.Test) throws(UnitTestPlan.Unsupported) -> [String] {
        try UnitTestPlan(test, time: 1234).arguments(image: "i.flat", environment: nil)
    }

    @Test(
        arguments: [
            ("1", "", "", ["--memory", "128M", "--cpus", "1", "--cpu", "qemu64", "--testdev"]),
            (
                "3", "'cpuid'", "-m 4g",
                ["--memory", "4g", "--cpus", "3", "--cpu", "qemu64", "--testdev", "--append=cpuid"]
            ),
            (
                "1", "\"-a b*\"", "-cpu max,+svm -m 2048",
                ["--memory", "2048M", "--cpus", "1", "--cpu", "max,+svm", "--testdev", "--append=-a b*"]
            ),
            (
                "2", "\"10 `date +%s`\"", "-machine pit=off --enable-kvm -smp 4",
                ["--memory", "128M", "--cpus", "4", "--cpu", "qemu64", "--testdev", "--append=10 1234"]
            ),
            (
                "1", "", "-device pci-testdev -initrd e -M q35",
                ["--memory", "128M", "--cpus", "1", "--cpu", "qemu64", "--testdev", "--initrd=e"]
            ),
        ] as [(String, String, String, [String])])
    func whatQEMUIsAskedForInOurWords(smp: String, arguments: String, parameters: String, words: [String]) throws {
        let test = UnitTestsFile.Test(name: "t", smp: smp, arguments: arguments, parameters: parameters)
        let plan = try plan(test)
        #expect(plan == ["run", "i.flat"] + words)
        // What is planned is what the command line takes.
        let request = try RunCommand.parse(Array(plan.dropFirst())).request
        #expect(request.testdev)
        #expect(RunRequest(plain: plan.dropFirst()) == request)
    }

    @Test(
        arguments: [
            ("-device intel-iommu,intremap=on -device edu", "asks for -device intel-iommu,intremap=on"),
            ("-overcommit cpu-pm=on", "asks for -overcommit cpu-pm=on"),
            ("-M q35,kernel-irqchip=split", "asks for -machine q35,kernel-irqchip=split"),
            ("-machine vmport=on", "asks for -machine vmport=on"),
            (
                "-cpu host,hv_passthrough",
                "asks for -cpu host,hv_passthrough: 'hv_passthrough' is no processor feature known here"
            ),
            ("-m lots", "asks for -m lots"), ("-cpu", "its -cpu has no value"),
            ("$X", "its parameters have $X, which only a shell can answer"),
            ("-accel tcg", "asks for -accel tcg"), ("-S -x", "asks for -S"), ("stray", "asks for stray"),
        ] as [(String, String)])
    func whatCantBeHadIsAReason(parameters: String, reason: String) {
        #expect(throws: UnitTestPlan.Unsupported(reason: reason)) { try plan(.init(name: "t", parameters: parameters)) }
    }

    @Test func theNumberOfProcessorsIsANumber() {
        for smp in ["0", "-1", "many", "$(nproc)"] {
            #expect(throws: UnitTestPlan.Unsupported(reason: "its smp is no number: \(smp)")) {
                try plan(.init(name: "t", smp: smp))
            }
        }
    }
}
