import FoundationXML
import Glibc
import LinuxSystem
import Scripting
import TestSupport
import Testing

import struct Foundation.Data

@testable import swiftlet

/// A suite believes a run only by the result that it hands over, and tells a broken host from a failing guest.
struct SuiteVerdictTests {
    private static let plain = SuiteCase(name: "a", plan: .skip(""))
    private static let unitTest = SuiteCase(
        name: "a", plan: .skip(""), meanings: [1: .failed("it said so"), 38: .skipped("nothing")],
        passesByPowerOff: false)
    private static let expecting = SuiteCase(name: "a", plan: .skip(""), passingStatuses: [7, 101])

    private func verdict(
        _ termination: ChildProcess.Termination, _ result: RunResult?, of test: SuiteCase = plain,
        words: String = "swiftlet: its last words\n"
    ) -> SuiteVerdict {
        let handed: Result<RunResult, RunResult.Malformed> = Result { () throws(RunResult.Malformed) in
            guard let result else { return try RunResult(encoded: []) }
            return result
        }
        return SuiteResult(test, arguments: [], termination: termination, handed: handed, console: "", lastWords: words)
            .verdict
    }

    /// A character may have any number of marks, and a console any number of complaints.
    @Test func whatASuiteKeepsOfAConsoleIsBounded() {
        let test = SuiteCase(name: "a", plan: .skip(""), complaintPrefix: "FAIL: ")
        let failed = result(.exitPort, "failed", 1)
        let marks = SuiteResult(
            test, arguments: [], termination: .exited(1), handed: .success(failed),
            console: "e" + String(repeating: "\u{301}", count: 100_000), lastWords: "")
        #expect(marks.console.utf8.count <= 16 << 10)
        #expect(marks.console.utf8.count > 16_000)
        #expect(!marks.console.contains("\u{FFFD}"))
        let lines = String(repeating: "FAIL: one of many\n", count: 5000)
        let many = SuiteResult(
            test, arguments: [], termination: .exited(1), handed: .success(failed), console: lines, lastWords: "")
        #expect(many.complaints.count == 200)
        #expect(many.furtherComplaints == 4800)
        #expect(many.lines.contains("#   and 4990 more"))
        #expect(many.record.details.contains("and 4800 more"))
    }

    private func result(_ ending: RunResult.Ending, _ outcome: String, _ status: Int32) -> RunResult {
        RunResult(ending: ending, outcome: outcome, status: status, sentence: "so it was")
    }

    @Test func nothingIsBelievedWithoutAResult() {
        for status: Int32 in 0...255 {
            #expect(
                verdict(.exited(status), nil)
                    == .error(
                        """
                        swiftlet ended with status \(status) and handed over no result (it is empty): swiftlet: \
                        its last words
                        """
                    ))
        }
        #expect(
            verdict(.exited(0), nil, words: "")
                == .error("swiftlet ended with status 0 and handed over no result (it is empty)"))
        #expect(
            verdict(.exited(0), result(.exitPort, "failed", 1))
                == .error("swiftlet ended with status 0, and its result says 1: so it was"))
        #expect(
            verdict(.exited(1), result(.exitPort, "passed", 0))
                == .error("swiftlet ended with status 1, and its result says 0: so it was"))
        guard case .error(let reason) = verdict(.signaled(SIGKILL), result(.exitPort, "passed", 0)) else {
            Issue.record("a killed run")
            return
        }
        #expect(reason.hasPrefix("swiftlet was ended by SIGKILL"))
    }

    @Test func aHostsMatterIsNoFailureWhateverIsExpected() {
        for test in [Self.plain, Self.unitTest, Self.expecting] {
            for status: Int32 in [64, 65, 66, 69, 73, 77, 125] {
                #expect(
                    verdict(.exited(status), result(.notStarted, "not-started", status), of: test)
                        == .error("so it was"))
            }
            #expect(verdict(.exited(125), result(.hostFailure, "host-failure", 125), of: test) == .error("so it was"))
            #expect(verdict(.exited(143), result(.interrupted, "interrupted", 143), of: test) == .error("so it was"))
        }
        // A status that passes does so only as a guest's.
        let any = SuiteCase(name: "a", plan: .skip(""), passingStatuses: [0, 1, 66, 125])
        #expect(verdict(.exited(66), result(.notStarted, "not-started", 66), of: any) == .error("so it was"))
    }

    @Test func aGuestsOutcomeIsJudged() {
        #expect(verdict(.exited(0), result(.exitPort, "passed", 0)) == .passed)
        #expect(verdict(.exited(0), result(.powerOff, "passed", 0)) == .passed)
        // As QEMU's isa-debug-exit has it, 0 becomes 1.
        #expect(verdict(.exited(1), result(.exitPort, "passed", 1)) == .passed)
        #expect(verdict(.exited(102), result(.tripleFault, "triple-fault", 102)) == .failed("so it was"))
        #expect(verdict(.exited(7), result(.exitPort, "failed", 7), of: Self.expecting) == .passed)
        #expect(
            verdict(.exited(0), result(.exitPort, "passed", 0), of: Self.expecting)
                == .failed("so it was; its status 0 is not 7 or 101"))
        #expect(
            verdict(.exited(0), result(.powerOff, "passed", 0), of: Self.unitTest)
                == .failed("the guest powered itself off"))
        #expect(verdict(.exited(38), result(.exitPort, "failed", 38), of: Self.unitTest) == .skipped("nothing"))
        // The same number for another reason has not that meaning.
        #expect(verdict(.exited(1), result(.console, "failed", 1), of: Self.unitTest) == .failed("so it was"))
        #expect(verdict(.exited(1), result(.exitPort, "failed", 1), of: Self.unitTest) == .failed("it said so"))
    }
}

/// The same from outside.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SuiteHostErrorTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("ends.elf", readFile(TestKernel.built("ends.elf")))
        _ = try directory.file("gone.elf", readFile(TestKernel.built("hello32.elf")))
        _ = try directory.file("hello.elf", readFile(TestKernel.built("hello32.elf")))
    }

    private func start(_ suite: String, _ options: String..., shell: String = "") throws -> SwiftletProcess {
        let file = try directory.file("boots.toml", Array(suite.utf8))
        return try SwiftletProcess(
            ["-c", "\(shell) exec \"$0\" \"$@\"", SwiftletProcess.path, "suite", file] + options, program: "/bin/bash")
    }

    private func spins(_ name: String, _ seconds: Int) -> String {
        "[[boot]]\nname = '\(name)'\nkernel = 'ends.elf'\nappend = 'end=spin'\ntimeout = '\(seconds)s'\n"
    }

    /// Its kernel goes while the first one runs; with `status` for a run that fails, and tried again.
    @Test func aKernelThatVanishesIsAnError() throws {
        let gone = "[[boot]]\nname = 'b'\nkernel = 'gone.elf'\nretries = 1\nstatus = [0, 1]\n"
        let suite =
            "[[boot]]\nname = 'a'\nkernel = 'ends.elf'\nappend = 'end=spin'\ntimeout = '2s'\nstatus = 124\n\(gone)"
        let process = try start(
            suite, "--report", "junit:\(path)/j.xml", "--report", "tap:\(path)/t.tap", "--report",
            "jsonl:\(path)/l.jsonl", "--logs", "\(path)/logs")
        #expect(eventually(within: 30) { ((try? directory.contents("logs/a.log")) ?? []).count > 5 })
        unlink("\(path)/gone.elf")
        let ended = try process.wait()
        let reason = "\(path)/gone.elf: there is no such file"
        #expect(
            ended.suiteLines.map { $0.hasPrefix("#   again") ? "again" : $0 } == [
                "PASS a", "ERROR b (\(reason))", "#   log: \(path)/logs/b.log", "again",
                "#   attempt 1: host error: \(reason)", "# did not pass:",
                "#   ERROR b", "SUMMARY: 2 tests, 1 passed, 0 failed, 0 skipped, 1 host error",
            ])
        #expect(ended.status == 125)
        let document = try XMLDocument(data: Data(try directory.contents("j.xml")))
        #expect(
            try document.nodes(
                forXPath: "/testsuites[@failures='0'][@errors='1']//testcase[@name='b'][not(failure)]/error"
            ).count == 1)
        #expect(try document.nodes(forXPath: "//testcase[@name='b']/rerunError").count == 1)
        #expect(
            String(decoding: try directory.contents("t.tap"), as: UTF8.self).contains(
                "\nnot ok 2 - b # ERROR \(reason)\n  ---\n"))
        let json = String(decoding: try directory.contents("l.jsonl"), as: UTF8.self)
        #expect(json.contains("\"name\":\"b\",\"outcome\":\"error\""))
        #expect(json.contains("\"failed\":0,\"skipped\":0,\"errors\":1"))
    }

    @Test func aRunThatWasKilledIsAnError() throws {
        let process = try start(
            spins("a", 50) + "[[boot]]\nname = 'b'\nkernel = 'hello.elf'\n" + spins("c", 1), "--logs", "\(path)/logs")
        #expect(eventually(within: 30) { ((try? directory.contents("logs/a.log")) ?? []).count > 5 })
        let children = try readFile("/proc/\(process.child.id)/task/\(process.child.id)/children")
        kill(try #require(pid_t(String(decoding: children, as: UTF8.self).split(separator: " ").first ?? "")), SIGKILL)
        let ended = try process.wait()
        let lines = ended.suiteLines
        #expect(
            lines.first
                == "ERROR a (swiftlet was ended by SIGKILL (as the kernel does when memory runs out), not by its guest)"
        )
        #expect(lines.contains("PASS b"))
        #expect(lines.last == "SUMMARY: 3 tests, 1 passed, 1 failed, 0 skipped, 1 host error")
        #expect(ended.status == 1)
    }

    @Test func oneErrorEndsASuiteThatWasToEndAtTheFirst() throws {
        let process = try start(
            spins("a", 50) + "[[boot]]\nname = 'b'\nkernel = 'hello.elf'\n", "--fail-fast", "--logs", "\(path)/logs")
        #expect(eventually(within: 30) { ((try? directory.contents("logs/a.log")) ?? []).count > 5 })
        let children = try readFile("/proc/\(process.child.id)/task/\(process.child.id)/children")
        kill(try #require(pid_t(String(decoding: children, as: UTF8.self).split(separator: " ").first ?? "")), SIGTERM)
        let ended = try process.wait()
        let lines = ended.suiteLines
        #expect(lines.first == "ERROR a (ended by SIGTERM)", "\(ended.output)")
        #expect(lines.contains("SKIP b (not run: the host had failed a test before)"), "\(ended.output)")
        #expect(ended.status == 125)
        #expect(lines.last == "SUMMARY: 2 tests, 0 passed, 0 failed, 1 skipped, 1 host error")
    }

    /// Too few descriptors: for a run, for the suite, for either's start. No faulting kernel ever passes.
    @Test func aHostWithoutDescriptorsLetsNothingPass() throws {
        let suite = (0..<2).map {
            "[[boot]]\nname = 'b\($0)'\nkernel = 'ends.elf'\nappend = 'end=triplefault'\ntimeout = '20s'\n"
        }.joined()
        var statuses: Set<Int32> = []
        // What the tests themselves have open must not count.
        let alone =
            "for file in /proc/$$/fd/*; do number=${file##*/}; [ $number -le 2 ] || eval \"exec $number>&-\"; done;"
        for count in 3..<32 {
            let ended = try start(suite, "--jobs", "2", shell: "\(alone) ulimit -n \(count);").wait()
            statuses.insert(ended.status)
            #expect(ended.status != 0, "\(count): \(ended.output) \(ended.errors)")
            #expect(!ended.output.contains("PASS"), "\(count): \(ended.output) \(ended.errors)")
        }
        // Where there are enough the guests fail, where the runs have too few the host does.
        #expect(statuses.contains(1), "\(statuses)")
        #expect(statuses.contains(125), "\(statuses)")
    }

    /// What a run writes into the pipe, and that it writes into no other file.
    @Test func aRunHandsOverItsResult() throws {
        func handed(_ arguments: [String], entry: String? = nil) throws -> Result<RunResult, RunResult.Malformed> {
            let channel = try ResultChannel()
            let nothing = try Descriptor(opening: "/dev/null")
            let child = try ChildProcess(
                SwiftletProcess.path, arguments: ["run"] + arguments,
                environment: ["PATH=/usr/bin:/bin", entry ?? channel.entry],
                descriptors: [nothing.raw, nothing.raw, nothing.raw, nothing.raw, channel.writing.raw])
            _ = try child.wait()
            return Result { () throws(RunResult.Malformed) in try channel.result() }
        }
        let ends = "\(path)/ends.elf"
        #expect(
            try handed(["\(path)/hello.elf"])
                == .success(
                    RunResult(
                        ending: .exitPort, outcome: "passed", status: 0,
                        sentence: "passed: the guest wrote 0 to the exit port")))
        let fault = try handed([ends, "--append", "end=triplefault"]).get()
        #expect(fault.ending == .tripleFault)
        #expect(fault.status == 102)
        #expect(fault.postMortem.first?.hasPrefix("vCPU 0 triple-faulted") == true)
        #expect(try handed([ends, "--append", "end=poweroff"]).get().ending == .powerOff)
        #expect(try handed([ends, "--append", "value=0", "--expect", "never"]).get().ending == .console)
        let missing = try handed(["\(path)/none.elf"]).get()
        #expect(missing.ending == .notStarted)
        #expect(missing.status == 66)
        #expect(missing.sentence.contains("none.elf: there is no such file"))
        #expect(try handed([ends, "--record", "/dev/full"]).get().ending.isOfGuest == false)
        for entry in ["\(ResultChannel.variable)=4:0:0", "\(ResultChannel.variable)=4", "X=1"] {
            #expect(throws: RunResult.Malformed.self) { try handed(["\(path)/hello.elf"], entry: entry).get() }
        }
        // Bad usage never gets as far.
        #expect(throws: RunResult.Malformed.self) { try handed(["\(path)/hello.elf", "--nonsense"]).get() }
    }
}
