import CLinux
import Glibc
import KVM
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// Threads of a run that stand still, on this host's KVM.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct ParkedRunTests {
    /// Runs a guest while `body` does something on a thread of its own; returns how the run ended and what the guest
    /// printed.
    private static func run(
        _ guest: String, _ append: String, cpus: Int = 1, timeout: Double = 60,
        configure: (Machine) throws -> Void = { _ in },
        during body: @escaping @Sendable (RunState) -> Void
    ) throws -> (result: Machine.Result, console: String) {
        let signals = try SignalDescriptor([SIGUSR2])
        var screen = try Pipe()
        let configuration = MachineConfiguration(
            memory: 64 << 20, cpus: cpus, consoleOutput: screen.input, timeout: timeout)
        let machine = try Machine(configuration, on: Hypervisor())
        try configure(machine)
        try machine.load(BootConfiguration(kernel: TestKernel.built(guest), commandLine: append))
        let runState = machine.runState
        let thread = try Thread("parker") { body(runState) }
        let result = try machine.run(signals: signals)
        thread.join()
        screen.closeWriting()
        return (result, String(decoding: screen.readAvailable(), as: UTF8.self))
    }

    /// Parks and resumes over and over until the run has ended.
    private static func parkAgainAndAgain(_ runState: RunState, _ counts: Counts) {
        while !runState.isFinished {
            if runState.park() {
                counts.parked.add(1, ordering: .relaxed)
                usleep(200)
                runState.resume()
            } else if !runState.isFinished {
                counts.failed.add(1, ordering: .relaxed)
            }
            usleep(500)
        }
    }

    private final class Counts: Sendable {
        let parked = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
    }

    /// Each of the guest's accesses is made once, and every answer arrives: its tests would fail otherwise.
    @Test(arguments: [
        ("pci.elf", "test=agreement,address-latch,odd-accesses,bar-sizes,bar-move,decode-off"),
        ("chipset.elf", "post=165"),
    ])
    func noAccessIsLostOrMadeTwice(guest: String, append: String) throws {
        let counts = Counts()
        let ended = try Self.run(
            guest, append,
            configure: { machine in
                try machine.attach(InterruptTestFunction(), slot: 3)
                try machine.bridge.placeBARs()
            }, during: { Self.parkAgainAndAgain($0, counts) })
        #expect(ended.result.outcome == .exitPort(0), "\(ended.console)")
        #expect(counts.parked.load(ordering: .relaxed) > 5)
        #expect(counts.failed.load(ordering: .relaxed) == 0)
    }

    @Test func noMessageIsLostOrSentTwice() throws {
        let counts = Counts()
        let claims = "masked-msix,masked-msix-unused,function-mask,msix-retarget,msi-blocked"
        let ended = try Self.run(
            "intx.elf", "test=\(claims) require=\(claims)",
            configure: { machine in
                try machine.attach(InterruptTestFunction(), slot: 3)
                try machine.bridge.placeBARs()
            }, during: { Self.parkAgainAndAgain($0, counts) })
        #expect(ended.result.outcome == .exitPort(0), "\(ended.console)")
        #expect(ended.console.contains("intx: 5/5 PASS"), "\(ended.console)")
        #expect(counts.parked.load(ordering: .relaxed) > 5)
        #expect(counts.failed.load(ordering: .relaxed) == 0)
    }

    @Test func severalProcessorsStandStill() throws {
        let counts = Counts()
        let ended = try Self.run("smp.elf", "cpus=4", cpus: 4, during: { Self.parkAgainAndAgain($0, counts) })
        #expect(ended.result.outcome == .exitPort(0), "\(ended.console)")
        #expect(counts.failed.load(ordering: .relaxed) == 0)
    }

    /// A limit of 0.5 s, of which a second is spent standing still.
    @Test func theTimeLimitStandsStillToo() throws {
        let start = MonotonicClock.now
        let ended = try Self.run(
            "spins.elf", "", timeout: 0.5,
            during: { runState in
                guard runState.park() else { return }
                usleep(1_000_000)
                if runState.isFinished { return }
                runState.resume()
            })
        #expect(ended.result.outcome == .timeout(seconds: 0.5))
        #expect(MonotonicClock.now - start >= 1_400_000_000)
        #expect(ended.result.duration < 1)
    }

    @Test func anOutcomeFromOutsideEndsAParkedRun() throws {
        let ended = try Self.run(
            "spins.elf", "",
            during: { runState in
                guard runState.park() else { return }
                runState.finish(.hostFailure("a device failed"))
            })
        #expect(ended.result.outcome == .hostFailure("a device failed"))
    }

    @Test func twoWhoParkBothResume() throws {
        let ended = try Self.run(
            "spins.elf", "", timeout: 0.3,
            during: { runState in
                guard runState.park(), runState.park() else { return }
                runState.resume()
                let isParked = runState.isParked
                runState.resume()
                if !isParked { runState.finish(.panic) }
            })
        #expect(ended.result.outcome == .timeout(seconds: 0.3))
    }

    /// A thread that never stands still keeps nobody longer than the time that is given to it.
    @Test func whoDoesNotComeIsNotWaitedForForEver() throws {
        let runState = try RunState {}
        let begun = try EventDescriptor("begun")
        let over = try EventDescriptor("over")
        let (beginning, end) = (begun.raw, over.raw)
        let thread = try Thread("deaf") {
            let member = runState.join(interrupt: {})
            eventfd_write(beginning, 1)
            var entry = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            while poll(&entry, 1, -1) != 1 {}
            member.leave()
        }
        while !begun.wait(milliseconds: -1) {}
        let start = MonotonicClock.now
        #expect(!runState.park(within: 0.1))
        #expect(MonotonicClock.now - start < 2_000_000_000)
        #expect(!runState.isParked)
        over.signal()
        thread.join()
        #expect(runState.park(within: 5), "nobody is left")
        runState.resume()
    }
}
