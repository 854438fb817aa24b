import Testing
import TestSupport

@testable import Lab

/// Ends of the lab's host that take long to come.
@Suite(.enabled(if: Host.hasLab, "qemu-system-x86, busybox-static or linux-image-amd64 is not installed"))
struct LabRunProofs {
    @Test("A CPU of the lab that hangs is a crash")
    func standstill() throws {
        let directory = try Host.Directory()
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let module = try Host.run("'\(root)/tools/linux-module' stuck '\(directory.path)/stuck.ko'")
        #expect(module.status == 0, "\(module)")
        let script = """
            [ -e stuck ] && exit 3
            : > stuck
            echo 1 > /proc/sys/kernel/watchdog_thresh
            insmod stuck.ko &
            sleep 60
            """
        let run = try LabRunTests.run(["sh", "-c", script], in: directory) { $0.timeout = 240 }
        #expect(try run.outcome.get() == Lab.Outcome(exitStatus: 3, runs: 2), "\(run.notices)")
        #expect(run.notices.last?.contains("softlockup: hung tasks") == true, "\(run.notices)")
    }
}
