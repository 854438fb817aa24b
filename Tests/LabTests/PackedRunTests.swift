import Glibc
import LinuxSystem
import Testing
import TestSupport

@testable import HostSystem
@testable import Lab

/// Real runs in a lab that shares no files, with the kernel that is installed.
@Suite(
    .serialized, .enabled(if: Host.hasLab, "qemu-system-x86, busybox-static or linux-image-amd64 is not installed"),
    .timeLimit(.minutes(10)))
struct PackedRunTests {
    private static let binary = getenv("SWIFTLET_BINARY").map { String(cString: $0) }

    private static let guest: String = {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        return "\(root)/guests/build/hello.elf"
    }()

    @Test("a command has its files and streams, and its output files come back")
    func commandFiles() throws {
        let directory = try Host.Directory()
        try directory.write("given", "given\n")
        try directory.write("changed", "before\n")
        try directory.write("here/asked", "asked\n")
        try directory.write("not-named", "x")
        let script = """
            cat given here/asked >&2
            echo cwd=$(pwd) user=$(id -u) hashing=$SWIFT_DETERMINISTIC_HASHING
            ls
            test -c /dev/kvm && echo kvm
            basename $(readlink /sys/bus/pci/devices/0000:00:04.0/driver)
            grep -c 9p /proc/mounts
            echo after > changed
            mkdir -p new/deep && printf 'a\\000b' > new/deep/file
            seq 1 40000 > long
            echo gone > /etc/elsewhere
            cat
            sleep 1000 &
            exit 42
            """
        let noise = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        let run = try LabRunTests.run(["sh", "-c", script + "\n: changed"], in: directory, input: noise) {
            $0.isPacked = true
            $0.files = ["here"]
            $0.devices = [LabDevice(.nic, "e1000e")]
            $0.binding = .pciStub
        }
        #expect(run.exitStatus == 42, "\(run.outcome) \(run.notices)")
        #expect(run.notices == [])
        #expect(String(decoding: run.error, as: UTF8.self) == "given\nasked\n")
        let expected = "cwd=\(directory.path) user=0 hashing=1\nchanged\ngiven\nhere\nkvm\npci-stub\n0\n"
        #expect(run.output == Array(expected.utf8) + noise)
        #expect(directory.read("changed") == "after\n")
        #expect(directory.read("new/deep/file") == "a\0b")
        #expect(directory.read("long") == (1...40000).map { "\($0)\n" }.joined())
        #expect(directory.read("given") == "given\n")
        #expect(directory.read("here/asked") == "asked\n")
        #expect(HostFile.status("/etc/elsewhere") == nil)
    }

    @Test(
        "swiftlet boots a guest there and its report comes back",
        .enabled(
            if: binary != nil && HostFile.status(guest) != nil,
            "SWIFTLET_BINARY is not set or guests/build/hello.elf is missing"))
    func swiftlet() throws {
        let directory = try Host.Directory()
        let binary = try #require(Self.binary)
        let run = try LabRunTests.run([binary, "run", Self.guest, "--report", "json:report.json"], in: directory) {
            $0.isPacked = true
            $0.anchor = [binary, "lab-anchor"]
        }
        #expect(run.exitStatus == 0, "\(run.outcome) \(run.notices) \(String(decoding: run.error, as: UTF8.self))")
        #expect(run.text.contains("hello"))
        #expect(directory.read("report.json")?.contains("\"exit_status\" : 0") == true)
    }

    @Test("After a crash of the lab's own kernel the command runs once more, from its input's start")
    func crash() throws {
        let directory = try Host.Directory()
        let run = try LabRunTests.run(
            ["sh", "-c", "cat; echo c > /proc/sysrq-trigger; sleep 60"], in: directory, input: Array("input\n".utf8)
        ) { $0.isPacked = true }
        #expect(run.text == "input\ninput\n")
        #expect(run.failure?.exitStatus == 125)
        #expect(run.failure.map { "\($0)" }?.hasSuffix("in 2 runs of 2)") == true, "\(run.outcome)")
    }

    @Test("a missing file is reported before anything starts")
    func missingFile() throws {
        let run = try LabRunTests.run(["true"], in: Host.Directory()) { $0.files = ["no-such"] }
        #expect(run.failure?.exitStatus == 64)
        #expect(run.failure.map { "\($0)" } == "--file no-such: there is no such file or directory")
    }

    @Test func moreFilesThanMemoryHoldsAreRefused() throws {
        let directory = try Host.Directory()
        _ = try Host.run("truncate -s 400M '\(directory.path)/large'")
        let run = try LabRunTests.run(["true"], in: directory) {
            $0.isPacked = true
            $0.files = ["large"]
            $0.memoryMiB = 512
        }
        #expect(run.failure?.exitStatus == 64)
        #expect(run.failure.map { "\($0)" }?.hasPrefix("the files to pack take 40") == true, "\(run.outcome)")
    }
}
