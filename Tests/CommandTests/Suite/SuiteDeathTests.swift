import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import swiftlet

/// What is left of a suite that was killed: no boot, no device taken.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SuiteDeathTests {
    private let directory: TemporaryDirectory
    private var suite: String { "\(directory.path)/boots.toml" }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("ends.elf", readFile(TestKernel.built("ends.elf")))
        let boot = "kernel = 'ends.elf'\nappend = 'end=spin'\ntimeout = '50s'\n"
        _ = try directory.file("boots.toml", Array((0..<3).map { "[[boot]]\nname = 'b\($0)'\n\(boot)" }.joined().utf8))
    }

    /// Processes that boot this suite's kernel.
    private var boots: [String] {
        guard let listing = opendir("/proc") else { return [] }
        defer { closedir(listing) }
        var found: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int(name) != nil, let line = try? readFile("/proc/\(name)/cmdline") else { continue }
            if String(decoding: line, as: UTF8.self).contains("run\0\(directory.path)/ends.elf") { found.append(name) }
        }
        return found
    }

    @Test func noBootOutlivesIt() throws {
        let process = try SwiftletProcess(["suite", suite, "--jobs", "3", "--logs", "\(directory.path)/logs"])
        #expect(eventually { (0..<3).allSatisfy { ((try? directory.contents("logs/b\($0).log")) ?? []).count > 5 } })
        #expect(boots.count == 3)
        process.child.signal(SIGKILL)
        #expect(try process.wait().status == -SIGKILL)
        #expect(eventually(within: 2) { boots.isEmpty }, "\(boots)")
    }

    /// At every moment of its first milliseconds, so also between a boot's start and the moment it is tied to the
    /// suite.
    @Test func norOneThatHadJustBegun() throws {
        // How soon a boot begins is the host's matter: each time a little later, until many suites had begun one. Its
        // log is made just before.
        var begun = 0
        for delay in 0..<1000 where begun < 40 {
            let logs = "\(directory.path)/logs\(delay)"
            let process = try SwiftletProcess(["suite", suite, "--jobs", "3", "--logs", logs])
            usleep(UInt32(delay) * 500)
            process.child.signal(SIGKILL)
            _ = try process.wait()
            if access("\(logs)/b0.log", F_OK) == 0 { begun += 1 }
        }
        #expect(begun == 40)
        #expect(eventually(within: 2) { boots.isEmpty }, "\(boots)")
    }

    @Test func aRunWhoseSuiteIsGoneDoesNotBegin() throws {
        let ended = try SwiftletProcess(
            [SwiftletProcess.path, "run", "\(directory.path)/ends.elf", "--append", "value=7"], program: "/usr/bin/env",
            leading: ["\(ParentTie.variable)=1"]
        ).wait()
        #expect(ended.status == 125)
        #expect(ended.lastLine.contains(ParentTie.variable))
        let tied = try SwiftletProcess(
            [
                "-c", "\(ParentTie.variable)=$$ \"$0\" \"$@\"; exit $?", SwiftletProcess.path, "run",
                "\(directory.path)/ends.elf", "--append", "value=7",
            ],
            program: "/bin/sh"
        ).wait()
        #expect(tied.status == 7)
    }

    @Test func aDeviceIsFreeOnlyWhenItsRunHasEnded() throws {
        let device = "00fe:1e:1d.4"
        func take() throws -> DeviceLease? {
            if case .taken(let lease) = try DeviceLease.acquire([device]) { lease } else { nil }
        }
        var lease = try take()
        let nothing = try Descriptor(opening: "/dev/null")
        let locks = try #require(lease).descriptors
        #expect(locks.count >= 1)
        let run = try ChildProcess(
            "/bin/sleep", arguments: ["50"], environment: [],
            descriptors: [nothing.raw, nothing.raw, nothing.raw] + locks)
        // The suite's own end: its files are closed.
        lease = nil
        #expect(try take() == nil)
        run.signal(SIGKILL)
        _ = try run.wait()
        #expect(try take() != nil)
    }
}
