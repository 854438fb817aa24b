import FoundationXML
import Glibc
import LinuxSystem
import TestSupport
import Testing

import struct Foundation.Data
import class Foundation.JSONSerialization

@testable import swiftlet

/// `swiftlet suite FILE.toml`, with our guests for kernels.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct BootSuiteTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("ends.elf", readFile(TestKernel.built("ends.elf")))
        _ = try directory.file("hello.elf", readFile(TestKernel.built("hello32.elf")))
    }

    private func start(_ suite: String, _ options: [String], environment: String = "") throws -> SwiftletProcess {
        let file = try directory.file("boots.toml", Array(suite.utf8))
        return try SwiftletProcess(
            ["-c", "\(environment) exec \"$0\" \"$@\"", SwiftletProcess.path, "suite", file] + options,
            program: "/bin/sh")
    }

    private func run(_ suite: String, _ options: String..., environment: String = "") throws -> SwiftletProcess.Ended {
        try start(suite, options, environment: environment).wait(within: 120)
    }

    private func lines(_ ended: SwiftletProcess.Ended) -> [String] { ended.suiteLines }

    private static let several = """
        name = "demo"
        [defaults]
        memory = "64M"
        timeout = "20s"
        [[boot]]
        name = "hello"
        kernel = "hello.elf"
        append = "one two"
        expect = 'one two'
        matrix.memory = ["32M", "96M"]
        [[boot]]
        name = "seven"
        kernel = "ends.elf"
        append = "value=7"
        status = 7
        [[boot]]
        name = "wrong"
        kernel = "ends.elf"
        append = "value=9"
        retries = 1
        [[boot]]
        name = "odd"
        kernel = "hello.elf"
        status = [7, 124]
        [[boot]]
        name = "never"
        kernel = "hello.elf"
        skip = "not today"
        """

    @Test func everyBootHasItsVerdict() throws {
        let ended = try run(Self.several, "--report", "junit:\(path)/j.xml", "--report", "tap:\(path)/t.tap")
        #expect(
            lines(ended) == [
                "PASS hello[memory=32M]", "PASS hello[memory=96M]", "PASS seven",
                "FAIL wrong (failed: the guest wrote 9 to the exit port)",
                "#   again: swiftlet run \(path)/ends.elf --append=value=9 --memory=64M --timeout=20s",
                "#   attempt 1: failed: the guest wrote 9 to the exit port",
                "FAIL odd (passed: the guest wrote 0 to the exit port; its status 0 is not 7 or 124)",
                "#   again: swiftlet run \(path)/hello.elf --memory=64M --timeout=20s", "SKIP never (not today)",
                "# did not pass:", "#   FAIL wrong", "#   FAIL odd", "SUMMARY: 6 tests, 3 passed, 2 failed, 1 skipped",
            ])
        #expect(ended.status == 1)
        #expect(ended.errors.isEmpty)
        let document = try XMLDocument(data: Data(try directory.contents("j.xml")))
        #expect(try document.nodes(forXPath: "//testcase").count == 6)
        #expect(try document.nodes(forXPath: "//testcase[@name='wrong'][failure]/rerunFailure").count == 1)
        let failure = try document.nodes(forXPath: "//testcase[@name='wrong']/failure").first?.stringValue ?? ""
        #expect(failure.hasPrefix("failed: the guest wrote 9 to the exit port\nagain: "), "\(failure)")
        #expect(failure.contains("\nthe end of its console:\nends:"), "\(failure)")
        #expect(
            try document.nodes(forXPath: "//testcase[@name='wrong']/system-out").first?.stringValue?.contains("ends:")
                == true)
        #expect(access("\(path)/j.xml.partial", F_OK) != 0)
        let tap = String(decoding: try directory.contents("t.tap"), as: UTF8.self)
        #expect(tap.hasPrefix("TAP version 14\n1..6\nok 1 - hello[memory=32M]\n"))
        #expect(tap.contains("\nnot ok 4 - wrong\n"))
    }

    @Test func someAreChosen() throws {
        let group = try run(Self.several, "--only", "hello", "--jobs", "2")
        #expect(
            Set(lines(group)) == [
                "PASS hello[memory=32M]", "PASS hello[memory=96M]", "SUMMARY: 2 tests, 2 passed, 0 failed, 0 skipped",
            ])
        let shard = try run(Self.several, "--shard", "2/3")
        #expect(lines(shard).first == "# shard 2 of 3: 2 of 6 tests")
        #expect(lines(shard).contains("PASS hello[memory=96M]"))
        #expect(shard.status == 1)
        let environment = try run(Self.several, environment: "CI_NODE_INDEX=3 CI_NODE_TOTAL=3")
        #expect(
            lines(environment) == [
                "# shard 3 of 3: 2 of 6 tests", "PASS seven", "SKIP never (not today)",
                "SUMMARY: 2 tests, 1 passed, 0 failed, 1 skipped",
            ])
        let list = try run(
            Self.several, "--list", "--only", "hello", "--only", "never", environment: "CI_NODE_INDEX=1 CI_NODE_TOTAL=2"
        )
        #expect(list.output == "hello[memory=32M]\nnever\n")
        #expect(list.status == 0)
        let fast = try run(Self.several, "--only", "wrong", "--only", "odd", "--fail-fast", "--retries", "0")
        #expect(lines(fast).contains("SKIP odd (not run: a test had failed before)"))
        #expect(!fast.output.contains("attempt"))
        #expect(fast.status == 1)
    }

    @Test func portsAndDebugConsoles() throws {
        // mov dx, 0x501; mov al, 0; out dx, al; hlt, and the same behind 'A' and a line's end at port 0xe9.
        let code: [UInt8] = [0xBA, 0x01, 0x05, 0xB0, 0x00, 0xEE, 0xF4]
        _ = try directory.file("exits.bin", code)
        _ = try directory.file("says.bin", [0xB0, 0x41, 0xE6, 0xE9, 0xB0, 0x0A, 0xE6, 0xE9] + code)
        let ended = try run(
            """
            [defaults]
            timeout = '60s'
            [[boot]]
            name = 'number'
            kernel = 'exits.bin'
            exit-port = 0x501
            [[boot]]
            name = 'text'
            kernel = 'says.bin'
            exit-port = '0x501'
            debug-console = 'e9'
            expect = '^A$'
            [[boot]]
            name = 'elsewhere'
            kernel = 'exits.bin'
            exit-port = 'none'
            timeout = '2s'
            status = 124

            """)
        #expect(lines(ended).filter { $0.hasPrefix("PASS ") }.count == 3, "\(ended.output)")
        let wrong = try run("[[boot]]\nname = 'a'\nkernel = 'exits.bin'\nexit-port = 0x3f8\ndebug-console = 'e8'\n")
        #expect(wrong.errors.contains("boots.toml:4: exit-port: 1016: port 0x3f8 belongs to COM1"), "\(wrong.errors)")
        #expect(
            wrong.errors.contains("boots.toml:5: debug-console: expected \"console\", \"e9\" or \"none\", found e8"))
        #expect(wrong.status == 65)
    }

    @Test func aBootSaysHowMuchIsToldOfItsEnd() throws {
        let boots = [
            ("plain", ""), ("short", "post-mortem = 'short'"), ("full", "post-mortem = 'full'"),
            ("off", "post-mortem = 'off'"),
        ].map {
            "[[boot]]\nname = '\($0)'\nkernel = 'ends.elf'\nappend = 'end=triplefault'\n\($1)\n"
        }
        let ended = try run(boots.joined(), "--report", "jsonl:\(path)/l.jsonl")
        #expect(ended.status == 1, "\(ended.output)")
        #expect(ended.output.contains("SUMMARY: 4 tests, 0 passed, 4 failed"), "\(ended.output)")
        let told = Dictionary(
            uniqueKeysWithValues: try directory.contents("l.jsonl").split(separator: 10).compactMap { line in
                let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                return (object?["post_mortem"] as? [String]).map { (object?["name"] as? String ?? "", $0) }
            })
        let (short, full) = (told["short"] ?? [], told["full"] ?? [])
        #expect(short.first?.hasPrefix("vCPU 0 triple-faulted at ") == true)
        #expect(short.last == "registers, stack and the last exits: --post-mortem full")
        #expect(told["plain"] == short)
        #expect(told["off"] == [])
        #expect(full.first == short.first, "\(full)")
        #expect(full.contains { $0.hasPrefix("cr0 ") }, "\(full)")
        #expect(full.contains { $0.hasPrefix("the last of ") }, "\(full)")
        // What repeats it says as much.
        #expect(ended.output.contains("--append=end=triplefault --post-mortem=off --timeout=60s\n"), "\(ended.output)")
        let wrong = try run("[[boot]]\nname = 'a'\nkernel = 'ends.elf'\npost-mortem = 'long'\nfile-limit = 'lots'\n")
        for words in [
            "4: post-mortem: expected \"short\", \"full\" or \"off\", found long",
            "5: file-limit: expected a size in quotation marks, as \"64M\" or \"1G\", or \"none\", found lots",
        ] {
            #expect(wrong.status == 65, "\(wrong.errors)")
            #expect(wrong.errors.contains("boots.toml:\(words)\n"), "\(wrong.errors)")
        }
    }

    @Test func whatPassesAtLastIsFlaky() throws {
        // The kernel is exchanged while its first attempt runs.
        _ = try directory.file("turns.elf", readFile(TestKernel.built("ends.elf")))
        let suite = "[[boot]]\nname = 'turns'\nkernel = 'turns.elf'\nappend = 'end=spin'\ntimeout = '3s'\nretries = 1\n"
        let process = try start(suite, ["--logs", "\(path)/logs"])
        #expect(eventually(within: 30) { ((try? directory.contents("logs/turns.log")) ?? []).count > 5 })
        _ = try directory.file("next.elf", readFile(TestKernel.built("hello32.elf")))
        #expect(rename("\(path)/next.elf", "\(path)/turns.elf") == 0)
        let ended = try process.wait(within: 60)
        #expect(
            lines(ended) == [
                "PASS turns (flaky: passed at attempt 2)",
                "#   attempt 1: timeout: the guest was still running after 3 s",
                "SUMMARY: 1 test, 1 passed, 0 failed, 0 skipped, 1 flaky",
            ])
        #expect(ended.status == 0)
    }

    @Test func nothingRunsBeforeAllIsValid() throws {
        let ended = try run(
            """
            [[boot]]\nname = 'a'\nkernel = 'hello.elf'\n[[boot]]\nname = 'b'\nkernel = 'none.elf'\nmemory = \
            'lots'\nexpect = '('\ncpu = 'x'\nfoo = 1\n
            """,
            "--logs", "\(path)/logs")
        let file = "swiftlet suite: \(path)/boots.toml"
        let said = ended.errors.split(separator: "\n").map(String.init)
        let expected = [
            "\(file):6: kernel: \(path)/none.elf: No such file",
            "\(file):7: memory: expected a size in quotation marks, as \"256M\" or \"2G\", found lots",
            "\(file):8: expect: ( is not a valid regular expression",
            "\(file):9: cpu: there is no processor model 'x'", "\(file):10: foo: there is no such key",
            "swiftlet suite: nothing was run: 5 mistakes in \(path)/boots.toml",
        ]
        #expect(said.count == expected.count, "\(ended.errors)")
        #expect(zip(said, expected).allSatisfy { $0.hasPrefix($1) }, "\(ended.errors)")
        #expect(ended.status == 65)
        #expect(ended.output.isEmpty)
        #expect(access("\(path)/logs", F_OK) != 0)
        let together = try run("[[boot]]\nname = 'a'\nkernel = 'hello.elf'\nfirmware = 'hello.elf'\n")
        #expect(together.status == 65)
        #expect(together.errors.contains("boots.toml:1: boot: a: a kernel and --firmware don't go together"))
        for (options, status, words) in [
            (["--only", "x"], 64, "no boot 'x'"),
            (["--only", "HELO"], 64, "no boot 'HELO'; there are hello[memory=32M], hello[memory=96M], seven,"),
            (["--shard", "3/2"], 64, "3/2 is no shard"),
            (["--report", "junit:/dev/null/x"], 73, "/dev/null/x"),
        ] as [([String], Int32, String)] {
            let ended = try start(Self.several, options).wait()
            #expect(ended.status == status, "\(ended.errors)")
            #expect(ended.lastLine.contains(words), "\(ended.errors)")
            #expect(ended.output.isEmpty, "\(ended.errors)")
        }
    }

    @Test(arguments: [SIGKILL, SIGTERM])
    func aSuiteKilledHalfWayLeavesItsReport(_ signal: Int32) throws {
        let suite =
            """
            [[boot]]\nname = 'a'\nkernel = 'hello.elf'\n[[boot]]\nname = 'b'\nkernel = 'ends.elf'\nappend = \
            'end=spin'\ntimeout = '5s'\n
            """
        let process = try start(
            suite,
            [
                "--report", "junit:\(path)/j.xml", "--report", "jsonl:\(path)/l.jsonl", "--report", "tap:\(path)/t.tap",
                "--logs", "\(path)/logs",
            ])
        #expect(eventually(within: 30) { ((try? directory.contents("logs/b.log")) ?? []).count > 5 })
        process.child.signal(signal)
        _ = try process.wait()
        let document = try XMLDocument(data: Data(try directory.contents("j.xml")))
        #expect(try document.nodes(forXPath: "//testcase").count == 2)
        #expect(try document.nodes(forXPath: "//testcase[@name='a'][not(failure or error or skipped)]").count == 1)
        let message =
            try document.nodes(forXPath: "//testcase[@name='(suite)']/error/@message").first?.stringValue ?? ""
        #expect(message.hasSuffix("1 of 2 tests are over"))
        #expect(message.contains("ended by signal 15") == (signal == SIGTERM))
        let json = String(decoding: try directory.contents("l.jsonl"), as: UTF8.self)
        #expect(json.split(separator: "\n").count == (signal == SIGTERM ? 3 : 2))
        #expect(json.hasSuffix("}\n"))
        for line in json.split(separator: "\n") { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        let tap = String(decoding: try directory.contents("t.tap"), as: UTF8.self)
        #expect(tap.hasPrefix("TAP version 14\n1..2\nok 1 - a\n  ---\n  duration_ms: "))
        #expect(tap.contains("\nBail out! ") == (signal == SIGTERM))
        #expect(tap.hasSuffix("\n  ...\n") == (signal == SIGKILL))
    }

    @Test func aDeviceIsInOneTestAtATime() throws {
        let device = "00fe:1e:1d.6"
        var lease: DeviceLease? = try taken([device])
        #expect(lease != nil)
        guard case .busy(let which, let holder) = try DeviceLease.acquire(["00fe:1e:1d.5", device]) else {
            throw DeviceIsTaken()
        }
        #expect(which == device)
        #expect(holder == "this process")
        // Not without end.
        let impatient = try run(
            """
            [[boot]]\nname = 'a'\nkernel = 'hello.elf'\ndevices = '\(device)'\n[[boot]]\nname = 'b'\nkernel = \
            'hello.elf'\n
            """,
            "--device-wait", "300ms")
        #expect(impatient.status == 125, "\(impatient.output)")
        #expect(
            impatient.output.contains("ERROR a (\(device) was not free within 0.3 s: process \(getpid()) ("),
            "\(impatient.output)")
        #expect(impatient.output.contains("PASS b ("), "\(impatient.output)")
        // All or none: the other one is free again.
        #expect(try taken(["00fe:1e:1d.5"]) != nil)
        let suite =
            """
            [[boot]]\nname = 'a'\nkernel = 'hello.elf'\ndevices = '\(device)'\n[[boot]]\nname = 'b'\nkernel = \
            'hello.elf'\n
            """
        let process = try start(suite, ["--report", "jsonl:\(path)/l.jsonl"])
        #expect(eventually(within: 30) { (try? directory.contents("l.jsonl")).map { $0.count { $0 == 10 } } == 2 })
        let before = String(decoding: try directory.contents("l.jsonl"), as: UTF8.self)
        #expect(before.contains("\"name\":\"b\",\"outcome\":\"passed\""))
        #expect(!before.contains("\"name\":\"a\""))
        lease = nil
        // It goes on, and is an error at once: there is no such function.
        let ended = try process.wait(within: 30)
        #expect(ended.status == 125)
        #expect(lines(ended).first?.hasPrefix("#   a waits for \(device), which process \(getpid()) (") == true)
        #expect(
            String(decoding: try directory.contents("l.jsonl"), as: UTF8.self).contains(
                "\"name\":\"a\",\"outcome\":\"error\""))
    }

    private struct DeviceIsTaken: Error {}

    private func taken(_ devices: [String]) throws -> DeviceLease? {
        if case .taken(let lease) = try DeviceLease.acquire(devices) { lease } else { nil }
    }

    @Test func aRunReportsAsASuiteOfOne() throws {
        let passed = try SwiftletProcess(["run", "\(path)/hello.elf", "--report", "junit:\(path)/r.xml"]).wait()
        #expect(passed.status == 0)
        let document = try XMLDocument(data: Data(try directory.contents("r.xml")))
        #expect(
            try document.nodes(
                forXPath: "/testsuites[@tests='1'][@failures='0']//testcase[@name='\(path)/hello.elf'][not(failure)]"
            ).count == 1)
        let failed = try SwiftletProcess([
            "run", "\(path)/ends.elf", "--append", "value=9", "--report", "tap:\(path)/r.tap",
        ]).wait()
        #expect(failed.status == 9)
        let tap = String(decoding: try directory.contents("r.tap"), as: UTF8.self)
        #expect(tap.hasPrefix("TAP version 14\n1..1\nnot ok 1 - \(path)/ends.elf\n"))
        #expect(tap.contains("message: \"failed: the guest wrote 9"))
        // As QEMU has it a guest's 0 is status 1, and still passes; what kept a run from starting is an error.
        let qemu = try SwiftletProcess(
            [
                "run", "\(path)/ends.elf", "--append", "value=0", "--exit-port-style", "qemu", "--report",
                "tap:\(path)/r.tap",
            ]
        ).wait()
        let passing = String(decoding: try directory.contents("r.tap"), as: UTF8.self)
        #expect(qemu.status == 1)
        #expect(passing.contains("\nok 1 - "))
        let missing = try SwiftletProcess(["run", "\(path)/none.elf", "--report", "junit:\(path)/r.xml"]).wait()
        #expect(missing.status == 66)
        let error = try XMLDocument(data: Data(try directory.contents("r.xml")))
        #expect(try error.nodes(forXPath: "/testsuites[@failures='0'][@errors='1']//testcase/error").count == 1)
    }
}
