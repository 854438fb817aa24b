import Glibc
import LinuxSystem
import Synchronization
import Testing
import TestSupport

@testable import HostSystem
@testable import Lab

/// Real runs in the lab. A start takes some seconds, so one serves many questions.
@Suite(
    .serialized, .enabled(if: Host.hasLab, "qemu-system-x86, busybox-static or linux-image-amd64 is not installed"),
    .timeLimit(.minutes(10)))
struct LabRunTests {
    /// What came of one run.
    struct Run {
        var outcome: Result<Lab.Outcome, LabError>
        var output: [UInt8]
        var error: [UInt8]
        var notices: [String]

        var text: String { String(decoding: output, as: UTF8.self) }
        var exitStatus: Int32? { try? outcome.get().exitStatus }
        var failure: LabError? { if case .failure(let error) = outcome { error } else { nil } }
    }

    /// The lines that a run has to say, kept for the tests.
    final class Notices: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    static func run(
        _ command: [String], in directory: Host.Directory, input: [UInt8] = [], path: String? = Host.path,
        interruption: Int32 = -1,
        _ change: (inout LabConfiguration) -> Void = { _ in }
    ) throws -> Run {
        var configuration = LabConfiguration(command: command, currentDirectory: directory.path)
        configuration.environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        change(&configuration)
        let source = try TemporaryFile("input", contents: input)
        let output = try TemporaryFile("output")
        let error = try TemporaryFile("error")
        let notices = Notices()
        var streams = Lab.Streams(notice: notices.add)
        streams.input = source.descriptor.raw
        streams.output = output.descriptor.raw
        streams.error = error.descriptor.raw
        streams.interruption = interruption
        let home = getenv("HOME").map { String(cString: $0) } ?? "/tmp"
        let lab = Lab(configuration, path: path, cache: "\(home)/.cache/swiftlet")
        let outcome = Result { () throws(LabError) in try lab.run(streams) }
        return Run(
            outcome: outcome, output: try HostFile.bytes(of: output.descriptor, at: 0, count: output.size),
            error: try HostFile.bytes(of: error.descriptor, at: 0, count: error.size), notices: notices.all)
    }

    /// The run that most tests ask, the directory it ran in, and what it left there.
    private static let shared = Result { () throws -> (run: Run, directory: String, written: String?) in
        let directory = try Host.Directory()
        try directory.write("here/given", "from the host")
        let script = """
            echo to stderr >&2
            echo cwd=$(pwd)
            echo user=$(id -u)
            echo input=$(cat)
            echo given=$(cat here/given)
            echo kvm=$(test -c /dev/kvm && cat /sys/module/kvm_amd/parameters/npt)
            echo remapping=$(dmesg | grep -c 'DMAR-IR: Enabled IRQ remapping')
            echo programs=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
            echo processors=$(grep -c ^processor /proc/cpuinfo)
            echo variable="$SPACED"
            echo reopened=yes > /dev/stdout
            for slot in 04 05 06 07; do
                place=/sys/bus/pci/devices/0000:00:$slot.0
                group=$(readlink -f $place/iommu_group)
                driver=$(basename $(readlink $place/driver))
                echo device$slot=$(cat $place/vendor):$(cat $place/device),$driver,$(ls $group/devices | wc -l)
            done
            mkdir here/new
            echo written > here/new/file
            echo gone > /etc/swiftlet-test
            echo etc=$(cat /etc/swiftlet-test)
            sleep 1000 &
            exit 42
            """
        let run = try LabRunTests.run(["sh", "-c", script], in: directory, input: Array("to the command".utf8)) {
            $0.devices = [
                LabDevice(.pci, "edu"), LabDevice(.nic, "e1000e"), LabDevice(.pci, "nvme"),
                LabDevice(.nic, "virtio-net-pci"),
            ]
            $0.binding = .vfioPCI
            $0.environment += ["SPACED=it's  spaced"]
        }
        return (run, directory.path, directory.read("here/new/file"))
    }

    private func value(_ key: String) throws -> String? {
        try Self.shared.get().run.text.split(separator: "\n").first { $0.hasPrefix("\(key)=") }.map {
            String($0.dropFirst(key.count + 1))
        }
    }

    @Test func theExitStatusIsTheCommands() throws {
        let run = try Self.shared.get().run
        #expect(run.exitStatus == 42, "\(run.outcome) \(run.notices)")
        #expect(run.notices == [])
    }

    /// Where a guest ran there, QEMU's other CPUs would change its flags; see `QEMUCommandLine`.
    @Test func noProgramRunsOnTheFirstProcessor() throws {
        #expect(try value("processors") == "3")
        #expect(try value("programs") == "1-2")
    }

    @Test func standardOutputAndErrorAreKeptApart() throws {
        let run = try Self.shared.get().run
        #expect(String(decoding: run.error, as: UTF8.self) == "to stderr\n")
        #expect(!run.text.contains("to stderr"))
        #expect(try value("reopened") == "yes")
    }

    @Test("the command has its input, directory and environment")
    func commandEnvironment() throws {
        #expect(try value("input") == "to the command")
        #expect(try value("cwd") == Self.shared.get().directory)
        #expect(try value("user") == "0")
        #expect(try value("variable") == "it's  spaced")
    }

    @Test func theHostHasKVMAndInterruptRemapping() throws {
        #expect(try value("kvm") == "Y")
        #expect(try value("remapping") == "1")
    }

    @Test("the devices are in order, each bound and alone in its group")
    func deviceOrder() throws {
        #expect(try value("device04") == "0x1234:0x11e8,vfio-pci,1")
        #expect(try value("device05") == "0x8086:0x10d3,vfio-pci,1")
        #expect(try value("device06") == "0x1b36:0x0010,vfio-pci,1")
        #expect(try value("device07") == "0x1af4:0x1041,vfio-pci,1")
    }

    @Test func filesBelowTheDirectoryStayAndOthersGo() throws {
        #expect(try value("given") == "from the host")
        #expect(try Self.shared.get().written == "written\n")
        #expect(try value("etc") == "gone")
        #expect(HostFile.status("/etc/swiftlet-test") == nil)
    }

    @Test("Five megabytes on each stream come through whole, and a signal reads as 128 + n")
    func largeOutput() throws {
        let directory = try Host.Directory()
        var state: UInt64 = 1
        let noise = (0..<5 << 20).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let run = try Self.run(["sh", "-c", "tee /dev/stderr; kill -KILL $$"], in: directory, input: noise)
        #expect(run.exitStatus == 137, "\(run.outcome) \(run.notices)")
        #expect(run.output == noise)
        #expect(run.error == noise)
    }

    @Test("A crash of the lab's own kernel is no failure of the command, which is run again")
    func crash() throws {
        let directory = try Host.Directory()
        let script = "cat; [ -e crashed ] && exit 3; : > crashed; echo c > /proc/sysrq-trigger; sleep 60"
        let run = try Self.run(["sh", "-c", script], in: directory, input: Array("input\n".utf8))
        #expect(try run.outcome.get() == Lab.Outcome(exitStatus: 3, runs: 2), "\(run.notices)")
        #expect(run.text == "input\ninput\n")
        #expect(run.notices.last?.contains("Kernel panic - not syncing: sysrq triggered crash") == true)
        #expect(run.notices.last?.hasSuffix("run 2 of 2") == true)
    }

    @Test("A crash before the command starts does not count as one of its two runs")
    func crashBeforeTheCommand() throws {
        let directory = try Host.Directory()
        let crash = "echo c > /proc/sysrq-trigger; sleep 60"
        let run = try Self.run(
            ["sh", "-c", "cat; [ -e crashed ] && exit 3; : > crashed; \(crash)"], in: directory,
            input: Array("input\n".utf8)
        ) {
            let mark = "\(directory.path)/started"
            $0.anchor = ["/bin/sh", "-c", "[ -e \(mark) ] || { : > \(mark); \(crash); }; echo ready; exec sleep 1000"]
        }
        #expect(try run.outcome.get() == Lab.Outcome(exitStatus: 3, runs: 2), "\(run.notices)")
        #expect(run.text == "input\ninput\n")
        let own = run.notices.filter { !$0.hasPrefix("lab host: ") }
        #expect(own.count == 2, "\(own)")
        #expect(own.first?.hasSuffix("starting it once more") == true)
        #expect(own.last?.hasSuffix("run 2 of 2") == true)
    }

    @Test func aHostThatCrashesAtEveryStartIsGivenUp() throws {
        let run = try Self.run(["true"], in: Host.Directory()) {
            $0.anchor = ["/bin/sh", "-c", "echo c > /proc/sysrq-trigger; exec sleep 1000"]
        }
        #expect(run.failure?.exitStatus == 125)
        #expect(
            run.failure.map { "\($0)" }?.hasSuffix(
                "(Kernel panic - not syncing: sysrq triggered crash, before the command, in 2 starts of 2)")
                == true, "\(run.outcome)")
    }

    /// The command goes on, its status is its own, and what is missing in the file is told.
    @Test func theHostsLogEndsAtItsLimit() throws {
        let directory = try Host.Directory()
        let script = """
            echo on > /proc/sys/kernel/printk_devkmsg
            i=0
            while [ $i -lt 1000 ]; do
                echo "<1>line $i of a hundred bytes or so, so that a thousand of them are more than the file may have" \
                    > /dev/kmsg
                i=$((i + 1))
            done
            echo done
            exit 7
            """
        let run = try Self.run(["sh", "-c", script], in: directory) {
            $0.consoleLog = "\(directory.path)/kernel"
            $0.consoleLogLimit = FileLimit(64 << 10, option: LabConfiguration.logLimitOption)
        }
        #expect(run.exitStatus == 7, "\(run.outcome)")
        #expect(run.text == "done\n", "\(run.outcome)")
        let log = directory.read("kernel") ?? ""
        #expect((60 << 10...64 << 10).contains(log.utf8.count), "\(log.utf8.count) bytes")
        #expect(
            log.hasSuffix(
                """
                \nswiftlet: this file has reached its limit of 64 KiB (--console-log-limit); what comes now is not \
                in it\n
                """
            ))
        #expect(log.contains("] line 0 of a hundred"))
        #expect(!log.contains("line 999 of a hundred"))
        let notice = run.notices.last ?? ""
        let words = "the console's log \(directory.path)/kernel has reached its limit of 64 KiB (--console-log-limit): "
        #expect(
            run.notices.count == 1,
            "\(run.notices)")
        #expect(
            notice.hasPrefix(words),
            "\(run.notices)")
        #expect(
            notice.hasSuffix(" bytes are missing in it"),
            "\(run.notices)")
        #expect(
            notice.dropFirst(words.count).split(separator: " ").first.flatMap { Int($0) } ?? 0 > 20_000, "\(notice)")
    }

    @Test func aTimeoutIsTheLabsFailure() throws {
        let run = try Self.run(["true"], in: Host.Directory()) { $0.timeout = 0.5 }
        #expect(run.failure?.exitStatus == 125)
        #expect(run.failure.map { "\($0)" }?.hasPrefix("timeout after 0.5 s") == true)
    }

    @Test func anUnknownModelIsRefusedInQEMUsWords() throws {
        let run = try Self.run(["true"], in: Host.Directory()) { $0.devices = [LabDevice(.nic, "no-such-nic")] }
        #expect(run.failure?.exitStatus == 64)
        #expect(run.failure.map { "\($0)" }?.contains("'no-such-nic' is not a valid device model name") == true)
    }

    @Test func anInterruptionEndsTheRun() throws {
        let pair = try SocketPair("interruption")
        _ = [UInt8(1)].withUnsafeBytes { send(pair.far, $0.baseAddress, 1, 0) }
        let run = try Self.run(["true"], in: Host.Directory(), interruption: pair.near.raw)
        guard case .interrupted = run.failure else {
            Issue.record("\(run.outcome)")
            return
        }
    }

    @Test func aMissingPackageIsNamed() throws {
        let run = try Self.run(["true"], in: Host.Directory(), path: "")
        #expect(run.failure?.exitStatus == 69)
        #expect(run.failure.map { "\($0)" } == "qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
    }
}
