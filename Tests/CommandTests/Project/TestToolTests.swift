import Glibc
import TestSupport
import Testing

/// What `tools/test` makes of what `swift test` says.
@Suite struct TestToolTests {
    /// Runs it with a `swift` that says this and ends so.
    private func run(_ log: String, status: Int32, ci: Bool = false) throws -> (status: Int32, lines: [String]) {
        let directory = try TemporaryDirectory()
        for folder in ["tools", "bin"] { mkdir("\(directory.path)/\(folder)", 0o755) }
        let tool = try directory.file("tools/test", readFile("\(TestKernel.root)/tools/test"))
        let swift = try directory.file("bin/swift", Array("#!/bin/sh\ncat <<'END'\n\(log)\nEND\nexit \(status)\n".utf8))
        chmod(swift, 0o755)
        let line = "PATH='\(directory.path)/bin':$PATH SWIFTLET_BINARY=/bin/true CI=\(ci) bash '\(tool)'"
        let ended = try SwiftletProcess(["-c", line], program: "/bin/bash").wait()
        return (ended.status, ended.output.split(separator: "\n").map(String.init))
    }

    @Test func eachIssueIsToldWithItsComment() throws {
        let zeta = [
            "✘ Test zeta() recorded an issue at A.swift:3:4: Expectation failed: z == y", "↳ swiftlet: line one",
            "error: line two",
        ]
        let alpha = [
            "✘ Test alpha(x:) recorded an issue with 1 argument x → 3 at A.swift:9:4: Expectation failed: a == 2",
            "↳ other",
        ]
        let failed = [
            "✘ Test zeta() failed after 0.1 seconds with 2 issues.",
            "✘ Test alpha(x:) failed after 0.1 seconds with 1 issue.",
        ]
        let log =
            ["◇ Test run started.", "↳ Testing Library Version: 6", "◇ Test zeta() started."] + zeta + zeta + [
                failed[0]
            ]
            + ["✔ Test beta() passed after 0.2 seconds."] + alpha + [
                failed[1], "✘ Suite A failed after 2 seconds.", "↳ /// What it is",
            ]
            + ["✘ Test run with 3 tests failed", "error: Exited with signal code 11"]
        let (status, lines) = try run(log.joined(separator: "\n"), status: 1)
        #expect(status == 1)
        let told = lines.drop { $0 != "test: failed" }.dropFirst()
        #expect(Array(told) == zeta + [failed[0]] + alpha + [failed[1], "error: Exited with signal code 11"])
    }

    @Test func whatIsToldIsBounded() throws {
        let issues = (0..<100).map {
            "✘ Test t() recorded an issue at A.swift:\($0):1: " + String(repeating: "x", count: 1000)
        }
        let comment = Array(repeating: "a line", count: 100)
        let (_, lines) = try run((issues + comment).joined(separator: "\n"), status: 1)
        let told = lines.drop { $0 != "test: failed" }.dropFirst()
        #expect(told.count == 60)
        #expect(told.allSatisfy { $0.utf8.count <= 400 })
        #expect(told.last == "a line")
        #expect(told.count { $0 == "a line" } == 11)
    }

    @Test(
        arguments: [("the host lacks 5 GiB", true, 0), ("not installed", true, 1), ("not installed", false, 0)]
            as [(String, Bool, Int32)])
    func aSkippedTestIsAFailureInCI(reason: String, ci: Bool, status: Int32) throws {
        let line = "➜ Test one() skipped: \"\(reason)\""
        let ended = try run(line, status: 0, ci: ci)
        #expect(ended.status == status)
        #expect(ended.lines.drop { $0 != "test: skipped" }.dropFirst().first == line)
    }
}
