import TestSupport
import Testing

/// A part of `make test-faults`, which takes other system calls with each commit.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct FaultTests {
    /// One system call of each run fails, the guest fails too: the status is never 0, and the sentence is never lost.
    @Test("a failing system call is never taken for success")
    func failingSystemCall() throws {
        let words = ["-c", "SWIFTLET_BINARY='\(SwiftletProcess.path)' exec '\(TestKernel.root)/tools/faults' 40"]
        let ended = try SwiftletProcess(words, program: "/bin/bash").wait(within: 180)
        #expect(ended.status == 0, "\(ended.output)\(ended.errors)")
        #expect(ended.output.contains("faults: 40 runs, 0 wrong"), "\(ended.output)")
    }
}
