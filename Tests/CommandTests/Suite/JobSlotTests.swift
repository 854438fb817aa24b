import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import swiftlet

/// A run tells its suite when its guest is over.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct JobSlotTests {
    /// How often a run gave its place back.
    private func count(_ arguments: [String], _ variables: [String]) throws -> UInt64 {
        let event = try EventDescriptor("a slot")
        let nothing = try Descriptor(opening: "/dev/null")
        let child = try ChildProcess(
            SwiftletProcess.path, arguments: ["run"] + arguments,
            environment: ["PATH=/usr/bin:/bin", "HOME=/"] + variables,
            descriptors: [nothing.raw, nothing.raw, nothing.raw, event.raw])
        _ = try child.wait()
        return event.readCount()
    }

    @Test func itIsGivenBackOnce() throws {
        let named = ["\(JobSlot.variable)=\(JobSlot.descriptor)"]
        #expect(try count([TestKernel.built("hello.elf")], named) == 1)
        #expect(try count([TestKernel.built("loops.elf")], named) == 1)
        // All boots of a run are one test.
        #expect(try count([TestKernel.built("loops.elf"), "--on-reset", "reboot", "--timeout", "300ms"], named) <= 1)
        #expect(try count([TestKernel.built("hello.elf")], []) == 0)
        // A number that somebody's environment has by accident.
        #expect(try count([TestKernel.built("hello.elf")], ["\(JobSlot.variable)=1"]) == 0)
        #expect(try count([TestKernel.built("hello.elf")], ["\(JobSlot.variable)=x"]) == 0)
    }

    /// While some run, the machines of those before are still taken apart.
    @Test func manyShortBootsAllHaveTheirVerdict() throws {
        let directory = try TemporaryDirectory()
        let list = (0..<40).map { "\"exit=\($0 % 2) n=\($0)\"" }.joined(separator: ",")
        let suite = "[[boot]]\nname = 'b'\nkernel = '\(try TestKernel.built("hello.elf"))'\nmatrix.append = [\(list)]\n"
        let file = try directory.file("boots.toml", Array(suite.utf8))
        let ended = try SwiftletProcess(["suite", file, "--jobs", "2"]).wait(within: 120)
        #expect(
            ended.status == 1,
            "\(ended.output.suffix(300))")
        #expect(
            ended.output.hasSuffix("SUMMARY: 40 tests, 20 passed, 20 failed, 0 skipped\n"),
            "\(ended.output.suffix(300))")
    }
}
