import Testing

@testable import Scripting

@Suite struct SuiteFileTests {
    private let checks = SuiteFile.Checks(
        option: { name, value in
            name == "--memory" && value == "lots" || name == "--timeout" && value == "soon" ? "" : nil
        },
        file: { $0.contains("missing") ? "there is no such file" : nil })

    private func file(_ text: String, directory: String = "suites") throws -> SuiteFile {
        try SuiteFile(text, directory: directory, checks: checks)
    }

    @Test func aBootBecomesARun() throws {
        let suite = try file(
            #"""
            name = "nightly"
            [defaults]
            memory = "128M"
            timeout = "5s"
            [[boot]]
            name = "hello"
            kernel = "k/hello.elf"
            initrd = "/abs"
            append = "-x y"
            memory = "1G"
            cpus = 2
            testdev = true
            hugepages = false
            devices = ["0000:00:04.0", "0000:00:05.0,slot=3"]
            expect = '^ok \d+$'
            fail-on = ["none", "bad"]
            send = 'login: =root\n'
            until = "end"
            status = [0, 101]
            retries = 2
            [[boot]]
            name = "later"
            firmware = "bios.bin"
            skip = "not yet"
            """#)
        #expect(suite.name == "nightly")
        #expect(suite.boots.count == 2)
        let first = suite.boots[0]
        #expect(
            first.arguments == [
                "run", "suites/k/hello.elf", "--initrd=/abs", "--append=-x y", "--memory=1G", "--cpus=2",
                "--device=0000:00:04.0",
                "--device=0000:00:05.0,slot=3", "--testdev", #"--expect=^ok \d+$"#, "--fail-on=none", "--fail-on=bad",
                #"--send=login: =root\n"#,
                "--until=end", "--timeout=5s",
            ])
        #expect(first.statuses == [0, 101])
        #expect(first.retries == 2)
        #expect(first.skip == nil)
        #expect(first.line == 5)
        #expect(first.timeout == "5s")
        #expect(first.devices == ["0000:00:04.0", "0000:00:05.0,slot=3"])
        let second = suite.boots[1]
        #expect(second.arguments == ["run", "--firmware=suites/bios.bin", "--memory=128M", "--timeout=5s"])
        #expect(second.skip == "not yet")
        #expect(second.statuses == nil)
        #expect(second.retries == 0)
        #expect(
            try file("[[boot]]\nname='a'\nkernel='-k'", directory: ".").boots[0].arguments == [
                "run", "./-k", "--timeout=60s",
            ])
    }

    @Test func severalFilesAreHandedOver() throws {
        let suite = try file(
            """
            [[boot]]
            name = "xen"
            kernel = "xen"
            initrd = ["a", "/b"]
            modules = ["vmlinuz console=hvc0 x", "/c"]
            [[boot]]
            name = "floppy"
            kernel = "f.img"
            disk-type = "floppy"
            modules = "-m"
            """)
        #expect(
            suite.boots[0].arguments == [
                "run", "suites/xen", "--initrd=suites/a", "--initrd=/b", "--module=suites/vmlinuz console=hvc0 x",
                "--module=/c", "--timeout=60s",
            ])
        #expect(
            suite.boots[1].arguments == [
                "run", "suites/f.img", "--module=suites/-m", "--disk-type=floppy", "--timeout=60s",
            ])
        #expect(throws: SuiteFile.Malformed.self) { try file("[[boot]]\nname='a'\nkernel='k'\nmodules=['missing x']") }
        #expect(throws: SuiteFile.Malformed.self) {
            try file("[[boot]]\nname='a'\nkernel='k'\ninitrd=['a', 'missing']")
        }
    }

    @Test func aMatrixMakesEveryCombination() throws {
        let suite = try file(
            """
            [[boot]]
            name = "m"
            [boot.matrix]
            kernel = ["a/one", "b/two"]
            cpus = [1, 2, 4]
            devices = [[], "0000:00:04.0", ["0000:00:04.0", "0000:00:05.0"]]
            """)
        #expect(suite.boots.count == 18)
        #expect(suite.boots.allSatisfy { $0.group == "m" })
        #expect(suite.boots[0].name == "m[kernel=one,cpus=1,devices=]")
        #expect(suite.boots[17].name == "m[kernel=two,cpus=4,devices=0000:00:04.0+0000:00:05.0]")
        #expect(
            suite.boots[1].arguments == ["run", "suites/a/one", "--cpus=1", "--device=0000:00:04.0", "--timeout=60s"])
        let alike = try file("[[boot]]\nname='m'\nmatrix.kernel = ['a/bzImage', 'b/bzImage']")
        #expect(alike.boots.map(\.name) == ["m[kernel=suites/a/bzImage]", "m[kernel=suites/b/bzImage]"])
    }

    @Test func eachBootWritesFilesOfItsOwn() throws {
        let suite = try file(
            """
            [defaults]
            trace = "t/{boot}.trace"
            [[boot]]
            name = "m"
            kernel = "k"
            symbols = "vmlinux"
            report = ["json:{boot}.json", "junit:/abs/{boot}/{boot}.xml"]
            matrix.append = ["a/b", "a:b"]
            [[boot]]
            name = "n"
            kernel = "k"
            report = "tap:n.tap"
            """)
        #expect(
            suite.boots[0].arguments == [
                "run", "suites/k", "--append=a/b", "--symbols=suites/vmlinux",
                "--report=json:suites/m_append_a_b_.json",
                "--report=junit:/abs/m_append_a_b_/m_append_a_b_.xml", "--trace=suites/t/m_append_a_b_.trace",
                "--timeout=60s",
            ])
        #expect(suite.boots[1].arguments.contains("--report=json:suites/m_append_a_b_~2.json"))
        #expect(suite.boots[1].fileName == "m_append_a_b_~2")
        #expect(
            suite.boots[2].arguments == [
                "run", "suites/k", "--report=tap:suites/n.tap", "--trace=suites/t/n.trace", "--timeout=60s",
            ])
    }

    @Test(arguments: [
        (
            "[[boot]]\nname='a'\nkernel='k'\nmatrix.cpus=[1,2]\ntrace='t'", 5, "trace",
            "and \"a[cpus=2]\" write to suites/t twice: {boot} in a path"
        ),
        (
            "[defaults]\nreport='json:x'\n[[boot]]\nname='a'\nkernel='k'\n[[boot]]\nname='b'\nkernel='k'", 2, "report",
            "\"b\" write to suites/x twice"
        ),
        (
            "[[boot]]\nname='a'\nkernel='k'\nreport=['json:x', 'tap:x']", 4, "report",
            "the boot \"a\" writes to suites/x twice"
        ),
        ("[[boot]]\nname='a'\nkernel='k'\nsymbols='missing'", 4, "symbols", "there is no such file"),
        ("[[boot]]\nname='a'\nkernel='k'\ntrace=''", 4, "trace", "found an empty string"),
        (
            "[[boot]]\nname='a'\nkernel='k'\nmemory='1M'\nmemory='2M'", 5, "",
            "memory is there already, as a string in line 4"
        ),
        ("x = ", 1, "", "a value"), ("nmae = 1", 1, "nmae", "no such key"),
        ("name = 1", 1, "name", "expected a string, found an integer"),
        ("", 1, "boot", "at least one [[boot]]"), ("[boot]\nname='a'", 1, "boot", "expected [[boot]]"),
        ("boot = [1]", 1, "boot", "found an integer"),
        ("defaults = 1", 1, "defaults", "a table"), ("[[boot]]\nkernel='k'", 1, "name", "expected a name"),
        ("[[boot]]\nname='a'", 1, "kernel", "expected a kernel"),
        ("[[boot]]\nname='a'\nkernel='k'\nmemroy='1G'", 4, "memroy", "no such key"),
        ("[[boot]]\nname='a'\nkernel='k'\ncpu_s=1", 4, "cpu_s", "did you mean cpus?"),
        ("[[boot]]\nname='a'\nkernel='k'\ndevice='x'", 4, "device", "did you mean devices?"),
        ("[[boot]]\nname='a'\nkernel=5", 3, "kernel", "a path in quotation marks, found an integer"),
        ("[[boot]]\nname='a'\nkernel='missing'", 3, "kernel", "suites/missing: there is no such file"),
        ("[[boot]]\nname='a'\nkernel='k'\nmemory='lots'", 4, "memory", "as \"256M\""),
        ("[[boot]]\nname='a'\nkernel='k'\ncpus='2'", 4, "cpus", "a number of vCPUs, 1 or more, found a string"),
        ("[[boot]]\nname='a'\nkernel='k'\ncpus=0", 4, "cpus", "found 0"),
        (
            "[[boot]]\nname='a'\nkernel='k'\nexpect=[\n'a',\n'(']", 6, "expect",
            "( is not a valid regular expression: character"
        ),
        (
            "[[boot]]\nname='a'\nkernel='k'\nexpect=[\n'a',\n5]", 6, "expect",
            "or an array of such, found an integer in the array"
        ),
        ("[[boot]]\nname='a'\nkernel='k'\nstatus=[0,\n[1]]", 5, "status", "found an array in the array"),
        ("nmae = 1", 1, "nmae", "did you mean name?"), ("[[bot]]", 1, "bot", "did you mean boot?"),
        ("xy = 1", 1, "xy", "there are boot, defaults, name"),
        ("[[boot]]\nname='a'\nkernel='k'\nfial-on='x'", 4, "fial-on", "did you mean fail-on?"),
        (
            "[[boot]]\nname='a'\nkernel='k'\n[boot.matrix]\nfoo=[1]", 5, "matrix.foo",
            "there is no such key here; there are append,"
        ),
        (
            "[[boot]]\nname='a'\nkernel='k'\nmatrix.expect=['(']", 4, "matrix.expect",
            "( is not a valid regular expression: character 1"
        ),
        (
            "[[boot]]\nname='a'\nkernel='missing'", 3, "kernel",
            "there is no such file; expected a file that can be read"
        ),
        (
            "[[boot]]\nname='a'\nkernel='k'\nfail-on=')'", 4, "fail-on",
            ") is not a valid regular expression: character 1"
        ),
        ("[[boot]]\nname='a'\nkernel='k'\nsend='x'", 4, "send", "REGEX=TEXT"),
        ("[[boot]]\nname='a'\nkernel='k'\nstatus=256", 4, "status", "0 to 255"),
        ("[[boot]]\nname='a'\nkernel='k'\nstatus=[]", 4, "status", "0 to 255"),
        ("[[boot]]\nname='a'\nkernel='k'\nstatus=125", 4, "status", "125 is no outcome of a guest's"),
        ("[[boot]]\nname='a'\nkernel='k'\nstatus=[0, 64]", 4, "status", "64 is no outcome of a guest's"),
        ("[defaults]\nstatus=77\n[[boot]]\nname='a'\nkernel='k'", 2, "status", "77 is no outcome of a guest's"),
        ("[[boot]]\nname='a'\nkernel='k'\nmatrix.status=[0, 143]", 4, "status", "143 is no outcome of a guest's"),
        (
            "[[boot]]\nname='a'\nkernel='k'\nexit-port-style='qemu'\nstatus=[1, 125, 124, 4]", 5, "status",
            "4 is no outcome of a guest's"
        ),
        ("[[boot]]\nname='a'\nkernel='k'\nretries=11", 4, "retries", "0 to 10"),
        ("[[boot]]\nname='a'\nkernel='k'\ntimeout='soon'", 4, "timeout", "as \"60s\""),
        ("[[boot]]\nname='a'\nkernel='k'\nexit-port=true", 4, "exit-port", "a port, as 0xf4"),
        ("[[boot]]\nname='a'\nkernel='k'\ndebug-console=233", 4, "debug-console", "\"e9\""),
        ("[[boot]]\nname='a'\nkernel='k'\ntestdev='yes'", 4, "testdev", "true or false"),
        ("[[boot]]\nname='a'\nkernel='k'\nappend=\"x\\u0000\"", 4, "append", "zero byte"),
        ("[[boot]]\nname='a'\nkernel='k'\n[[boot]]\nname='a'\nkernel='k'", 4, "name", "already, in line 1"),
        ("[[boot]]\nname='a'\nkernel='k'\nmatrix=1", 4, "matrix", "[boot.matrix]"),
        ("[[boot]]\nname='a'\nkernel='k'\nmatrix.cpus=2", 4, "matrix.cpus", "an array"),
        ("[[boot]]\nname='a'\nkernel='k'\nmatrix.cpus=[1,\n'x']", 5, "matrix.cpus", "found a string"),
        ("[[boot]]\nname='a'\nkernel='k'\ncpus=1\nmatrix.cpus=[2]", 5, "matrix.cpus", "already, in line 4"),
        ("[[boot]]\nname='a'\nkernel='k'\nmatrix.cpus=[1, 1]", 1, "name", "already"),
        (
            "[[boot]]\nname='a'\nkernel='k'\n" + (0..<5).map { _ in "" }.joined()
                + """
                matrix.cpus=[\(Array(repeating: "1", count: 101).joined(separator: ","))]\n\
                matrix.retries=[\(Array(repeating: "1", count: 101).joined(separator: ","))]
                """,
            1, "matrix", "more than 10000"
        ),
    ])
    func aMistakeIsToldWhereItStands(_ text: String, _ line: Int, _ key: String, _ reason: String) {
        #expect {
            _ = try file(text)
        } throws: { error in
            guard let mistake = (error as? SuiteFile.Malformed)?.mistakes.first else { return false }
            return mistake.line == line && mistake.key == key && mistake.reason.contains(reason)
        }
    }

    @Test func allMistakesAreToldAtOnce() {
        #expect {
            _ = try file("[defaults]\nmemory = 1\n[[boot]]\nname = 'a'\nkernel = 'missing'\nexpect = '['\nx = 1")
        } throws: { error in
            (error as? SuiteFile.Malformed)?.mistakes.map(\.line) == [2, 5, 6, 7]
        }
    }
}
