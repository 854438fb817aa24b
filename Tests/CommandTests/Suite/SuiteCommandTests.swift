import Glibc
import TestSupport
import Testing

@testable import swiftlet

/// `swiftlet suite` on a directory made up like kvm-unit-tests' own, with our guests for images.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SuiteCommandTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        mkdir("\(directory.path)/x86", 0o755)
        _ = try directory.file("x86/ends.flat", readFile(TestKernel.built("ends.elf")))
        _ = try directory.file("x86/board.flat", readFile(TestKernel.built("board.elf")))
        _ = try directory.file("x86/hello.flat", readFile(TestKernel.built("hello32.elf")))
        _ = try directory.file(
            "x86/says.bin", Self.says("PASS: one\nFAIL: two\nSUMMARY: 2 tests, 1 unexpected failures\n", 1))
    }

    /// mov dx, 0x3f8; mov si, text; cld; l: lodsb; test al, al; jz e; out dx, al; jmp l; e: mov al, value; out 0xf4,
    /// al; hlt
    private static func says(_ text: String, _ value: UInt8) -> [UInt8] {
        [
            0xBA, 0xF8, 0x03, 0xBE, 20, 0, 0xFC, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8, 0xB0, value, 0xE6,
            0xF4, 0xF4,
        ] + Array(text.utf8) + [0]
    }

    private func run(_ list: String, _ options: String..., within seconds: Double = 120) throws -> SwiftletProcess.Ended
    {
        _ = try directory.file("x86/unittests.cfg", Array(list.utf8))
        return try SwiftletProcess(["suite", "--kvm-unit-tests", path] + options).wait(within: seconds)
    }

    @Test func eachTestHasItsLine() throws {
        let ended = try run(
            """
            [passes]
            file = hello.flat
            test_args = "one two"
            groups = quick
            [machine]
            file = board.flat
            smp = 2
            test_args = "cpus=2 memory=64 require=all"
            qemu_params = -m 64 -cpu max
            groups = quick other
            [says]
            file = says.bin
            [aborts]
            file = ends.flat
            test_args = 'value=63'
            [skips]
            file = ends.flat
            test_args = value=38
            [hangs]
            file = ends.flat
            test_args = end=spin
            timeout = 1
            [faults]
            file = ends.flat
            test_args = end=triplefault
            [sleeps]
            file = ends.flat
            test_args = end=poweroff
            [patient]
            file = hello.flat
            timeout = 0
            [odd]
            file = hello.flat
            timeout = soon
            [needs]
            file = ends.flat
            qemu_params = -device intel-iommu
            [elsewhere]
            file = ends.flat
            arch = i386
            [checked]
            file = ends.flat
            check = /dev/null=Y
            [lost]
            file = none.flat
            [by-hand]
            file = ends.flat
            groups = nodefault
            """, "--logs", "\(path)/logs")
        let lines = ended.suiteLines
        let expected = [
            "PASS passes", "PASS machine", "FAIL says (it said so; 2 tests, 1 unexpected failures)", "#   FAIL: two",
            "#   log: \(path)/logs/says.log",
            "#   again: swiftlet run \(path)/x86/says.bin --memory 128M --cpus 1 --cpu qemu64 --testdev --timeout 90s",
            "FAIL aborts (the test aborted)", "#   log: \(path)/logs/aborts.log",
            """
            #   again: swiftlet run \(path)/x86/ends.flat --memory 128M --cpus 1 --cpu qemu64 --testdev \
            --append=value=63 --timeout 90s
            """,
            "SKIP skips (the test itself skipped everything)",
            "FAIL hangs (timeout: the guest was still running after 1 s)", "#   log: \(path)/logs/hangs.log",
            """
            #   again: swiftlet run \(path)/x86/ends.flat --memory 128M --cpus 1 --cpu qemu64 --testdev \
            --append=end=spin --timeout 1s
            """,
            "FAIL faults (triple fault on vCPU 0: an exception came while none could be handled)",
            "#   log: \(path)/logs/faults.log",
            """
            #   again: swiftlet run \(path)/x86/ends.flat --memory 128M --cpus 1 --cpu qemu64 --testdev \
            --append=end=triplefault --timeout 90s
            """,
            "FAIL sleeps (the guest powered itself off)", "#   log: \(path)/logs/sleeps.log",
            """
            #   again: swiftlet run \(path)/x86/ends.flat --memory 128M --cpus 1 --cpu qemu64 --testdev \
            --append=end=poweroff --timeout 90s
            """,
            "PASS patient", "SKIP odd (its timeout is no time: soon)", "SKIP needs (asks for -device intel-iommu)",
            "SKIP elsewhere (i386 only)",
            "SKIP checked (/dev/null is not Y)",
            "SKIP lost (there is no \(path)/x86/none.flat)",
            "SKIP by-hand (runs only when it is named, or a group of it)",
            "# did not pass:", "#   FAIL says", "#   FAIL aborts", "#   FAIL hangs", "#   FAIL faults",
            "#   FAIL sleeps",
            "SUMMARY: 15 tests, 3 passed, 5 failed, 7 skipped",
        ]
        #expect(lines == expected)
        #expect(ended.status == 1)
        #expect(ended.errors.isEmpty)
        #expect(ended.output.contains("\n#   vCPU 0 triple-faulted"), "\(ended.output)")
        #expect(ended.output.firstMatch(of: /PASS passes \([0-9]+\.[0-9][0-9] s\)\n/) != nil, "\(ended.output)")
        let console = String(decoding: try readFile("\(path)/logs/machine.log"), as: UTF8.self)
        #expect(console.contains("board: cpu-count ok (2)"))
        #expect(console.contains("12/12 PASS"))
        #expect(String(decoding: try readFile("\(path)/logs/passes.log"), as: UTF8.self).contains("one two"))
    }

    private static let three = """
        [a]
        file = hello.flat
        groups = x
        [b]
        file = hello.flat
        groups = x y nodefault
        [c]
        file = ends.flat
        test_args = value=1
        """

    @Test func groupsAndNamesChoose() throws {
        let group = try run(Self.three, "--group", "x", "--jobs", "2")
        #expect(Set(group.suiteLines) == ["PASS a", "PASS b", "SUMMARY: 2 tests, 2 passed, 0 failed, 0 skipped"])
        #expect(group.status == 0)
        let one = try run(Self.three, "--only", "b")
        #expect(one.suiteLines == ["PASS b", "SUMMARY: 1 test, 1 passed, 0 failed, 0 skipped"])
        #expect(one.status == 0)
        let both = try run(Self.three, "--only", "c", "--group", "y")
        #expect(both.suiteLines.prefix(2) == ["PASS b", "FAIL c (it said so)"])
        #expect(both.status == 1)
        let list = try run(Self.three, "--list", "--group", "x")
        #expect(list.output == "a\nb\n")
        #expect(list.status == 0)
        #expect(list.errors.isEmpty)
    }

    @Test func whatCantBeRunIsSaid() throws {
        for (options, status, words) in [
            (["--only", "d"], 64, "has no test 'd'; there are a, b, c"),
            (["--group", "z"], 64, "has no group 'z'; there are x, y"),
            (["--logs", "/dev/null/x"], 73, "/dev/null/x"),
        ] as [([String], Int32, String)] {
            _ = try directory.file("x86/unittests.cfg", Array(Self.three.utf8))
            let ended = try SwiftletProcess(["suite", "--kvm-unit-tests", path] + options).wait()
            #expect(ended.status == status, "\(ended.errors)")
            #expect(ended.lastLine.hasPrefix("swiftlet suite: "), "\(ended.errors)")
            #expect(ended.lastLine.contains(words), "\(ended.errors)")
            #expect(ended.output.isEmpty)
        }
        _ = try directory.file("x86/unittests.cfg", [UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20 | 1))
        let huge = try SwiftletProcess.run("suite", "--kvm-unit-tests", path, within: 10)
        #expect(
            huge.status == 66,
            "\(huge.errors)")
        #expect(
            huge.lastLine.contains("x86/unittests.cfg can't be read: File too large"),
            "\(huge.errors)")
        let missing = try SwiftletProcess.run("suite", "--kvm-unit-tests", "\(path)/none")
        #expect(missing.status == 66)
        #expect(missing.lastLine.contains("./configure and make"))
        let bad = try run("[a]\n[a]\n")
        #expect(bad.status == 65)
        #expect(bad.lastLine.contains("line 2: there is a test 'a' already"))
        for arguments in [["suite"], ["suite", "--kvm-unit-tests", path, "--jobs", "0"]] {
            #expect(try SwiftletProcess(arguments).wait().status == 64)
        }
    }

    @Test func anEnvironmentFileIsTheFirstModule() throws {
        _ = try directory.file("x86/unittests.cfg", Array("[a]\nfile = hello.flat\n".utf8))
        let missing = "\(path)/no-such-environment"
        let shell = "KVM_UNIT_TESTS_ENV=\(missing) exec \"$@\""
        let ended = try SwiftletProcess(
            ["suite", "--kvm-unit-tests", path], program: "/bin/sh", leading: ["-c", shell, "sh", SwiftletProcess.path]
        ).wait()
        #expect(ended.suiteLines.first == "ERROR a (\(missing): there is no such file)")
        #expect(ended.status == 125)
    }

    @Test func aSignalEndsItAndWhatItRuns() throws {
        _ = try directory.file(
            "x86/unittests.cfg", Array("[a]\nfile = ends.flat\ntest_args = end=spin\n[b]\nfile = hello.flat\n".utf8))
        let process = try SwiftletProcess(["suite", "--kvm-unit-tests", path, "--logs", "\(path)/logs"])
        #expect(eventually(within: 30) { ((try? directory.contents("logs/a.log")) ?? []).count > 5 })
        process.child.signal(SIGTERM)
        let ended = try process.wait()
        #expect(ended.status == 143)
        #expect(ended.lastLine.contains("ended by signal 15"))
        #expect(
            ended.suiteLines == [
                "# ended with the suite: a", "# not run: 1 test", "SUMMARY: 0 tests, 0 passed, 0 failed, 0 skipped",
            ])
        // The run it had started is gone: nobody holds its console any more.
        let holders = try SwiftletProcess(
            ["-c", "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c \(path)/logs/a.log"], program: "/bin/sh"
        ).wait()
        #expect(holders.output.trimmingSpaces == "0")
    }
}

extension String {
    fileprivate var trimmingSpaces: String { String(filter { !$0.isWhitespace }) }
}
