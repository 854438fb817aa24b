import Boot
import CLinux
import Glibc
import KVM
import LinuxSystem
import Synchronization
import TestSupport
import Testing
import VMM

/// Whole runs of test kernels against this host's KVM.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct MachineTests {
    /// What a run came to, with all that the guest said.
    struct Account: Sendable {
        let result: Machine.Result
        let console: String
        var outcome: Outcome { result.outcome }
    }

    /// Runs a kernel to its end.
    /// - Parameters:
    ///   - input: what is typed, all of it at once.
    ///   - pending: a signal that has come by the time the run begins.
    ///   - before: what to do with the machine before it runs.
    static func run(
        _ kernel: String, memory: UInt64 = 32 << 20, cpus: Int = 1, append: String = "", input: String? = nil,
        timeout: Double? = 60,
        pending: Int32? = nil, kick: VirtualCPU.Kick? = nil, format: KernelFormat? = nil,
        before: (Machine) -> Void = { _ in }
    ) throws -> Account {
        let signals = try SignalDescriptor([SIGUSR2])
        if let pending { pthread_kill(pthread_self(), pending) }
        var keys = try Pipe()
        if let input { _ = Array(input.utf8).withUnsafeBytes { write(keys.input, $0.baseAddress, $0.count) } }
        keys.closeWriting()
        var screen = try Pipe()
        var configuration = MachineConfiguration(
            memory: memory, cpus: cpus, consoleOutput: screen.input, timeout: timeout, kick: kick)
        if input != nil { configuration.consoleInput = keys.reading.raw }
        let machine = try Machine(configuration, on: Hypervisor())
        try machine.load(BootConfiguration(kernel: kernel, commandLine: append, format: format))
        before(machine)
        let result = try machine.run(signals: signals)
        screen.closeWriting()
        return Account(result: result, console: String(decoding: screen.readAvailable(), as: UTF8.self))
    }

    private static func run(flat code: [UInt8], memory: UInt64 = 1 << 20, timeout: Double = 60, pending: Int32? = nil)
        throws -> Account
    {
        let directory = try TemporaryDirectory()
        return try run(directory.file("guest.bin", code), memory: memory, timeout: timeout, pending: pending)
    }

    private static func takes(_ cpus: Int) -> Bool {
        guard let hypervisor = try? Hypervisor() else { return false }
        return hypervisor.check(.maximumVCPUs) >= cpus && hypervisor.check(.maximumVCPUID) >= cpus
            && hypervisor.check(.x2apicInterface) > 0
    }

    @Test(arguments: ["hello.elf", "hello32.elf"])
    func aKernelSaysHelloAndPasses(name: String) throws {
        let account = try Self.run(TestKernel.built(name), append: "one two")
        #expect(account.outcome == .exitPort(0))
        #expect(account.console.contains("hello: cpu 0"))
        #expect(account.console.contains("one two\""))
        #expect(account.result.consoleTail == account.console)
        #expect(account.result.exits[.portOut] > UInt64(account.console.utf8.count))
        #expect(account.result.exits[.internalError] == 0)
        #expect(account.result.duration > 0)
        #expect(account.result.duration < 60)
    }

    @Test func aFlatKernelStartsInRealMode() throws {
        let account = try Self.run(TestKernel.built("hello16.bin"), memory: 1 << 20)
        #expect(account.outcome == .exitPort(0))
        #expect(account.console == "hello16: real mode\r\n")
    }

    /// Its header claims protected-mode code, as memdisk's does.
    @Test("a Linux image that is only setup code is entered in real mode")
    func setupCodeOnly() throws {
        let account = try Self.run(TestKernel.built("setup16.bin"), memory: 2 << 20)
        #expect(account.outcome == .exitPort(0))
        #expect(account.console.hasPrefix("hello: setup code, real mode"))
        #expect(
            try Self.run(TestKernel.built("setup16.bin"), memory: 2 << 20, format: .linux32).outcome == .exitPort(5))
    }

    @Test(arguments: [0, 1, 2, 63, 64, 200, 255] as [UInt8])
    func whatTheGuestWritesComesOut(value: UInt8) throws {
        #expect(try Self.run(flat: TestKernel.exits(value)).outcome == .exitPort(UInt32(value)))
    }

    @Test(
        arguments: [
            ("poweroff", .powerOff), ("panic", .panic), ("reset", .reset("reset control port 0xCF9")),
            ("reset-kbd", .reset("keyboard controller, port 0x64")), ("triplefault", .tripleFault(vcpu: 0)),
            ("reset-full", .reset("reset control port 0xCF9")), ("reset-acpi", .reset("reset control port 0xCF9")),
            ("reset-92", .reset("system control port 0x92")),
            ("reset-kbd-output", .reset("keyboard controller's output port")),
        ] as [(String, Outcome)])
    func everyEndIsTold(end: String, outcome: Outcome) throws {
        let account = try Self.run(TestKernel.built("ends.elf"), append: "end=\(end)")
        #expect(account.outcome == outcome)
        #expect(account.console.contains("ends: \(end)"))
    }

    @Test func anInternalErrorComesWithRegisters() throws {
        guard
            case .internalError(vcpu: 0, let reason, let registers) = try Self.run(flat: TestKernel.runsOutOfMemory)
                .outcome
        else {
            Issue.record("no internal error")
            return
        }
        #expect(reason.contains("suberror 1"))
        #expect(registers.contains { $0.hasPrefix("rip 0000000000000010 ") })
        #expect(registers.contains { $0.contains("cs  000000000000ffff") })
    }

    /// Two counts that differ by what was asked for: nothing else changes between the runs.
    @Test(arguments: [("port", VCPUExit.Kind.portOut), ("mmio", .mmioWrite)])
    func everyExitIsCounted(mode: String, kind: VCPUExit.Kind) throws {
        let kernel = try TestKernel.built("exits.elf")
        let few = try Self.run(kernel, append: "mode=\(mode) n=1000")
        let many = try Self.run(kernel, append: "mode=\(mode) n=4000")
        #expect(few.outcome == .exitPort(0))
        #expect(many.outcome == .exitPort(0))
        #expect(many.result.exits[kind] - few.result.exits[kind] == 3000)
    }

    @Test func whatIsTypedReachesTheGuestByInterrupt() throws {
        let account = try Self.run(TestKernel.built("echo.elf"), input: "swift\nlet\nquit\n")
        #expect(account.outcome == .exitPort(0))
        #expect(account.console.contains("SWIFT"))
        #expect(account.console.contains("LET"))
        #expect(account.console.contains("quit after"))
    }

    @Test func manyProcessorsStart() throws {
        let account = try Self.run(TestKernel.built("smp.elf"), cpus: 4, append: "cpus=4")
        #expect(account.outcome == .exitPort(0))
        #expect(account.console.contains("4/4 PASS"))
    }

    /// Ids from 255 on are reached by x2APIC alone.
    @Test(.enabled(if: Self.takes(258), "the host lacks room for 258 vCPUs"))
    func processorsBeyondEightBitsStart() throws {
        let account = try Self.run(TestKernel.built("smp.elf"), cpus: 258, append: "cpus=258", timeout: 300)
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains("x2APIC mode"))
        #expect(account.console.contains("cpu 257 up"))
        #expect(account.console.contains("258/258 PASS"))
    }

    @Test(arguments: ["keyboard", "a20", "memory-size", "clock-runs", "periodic-interrupt", "post"])
    func theChipsetAnswers(claim: String) throws {
        let now = WallClock.now / 1_000_000_000
        let account = try Self.run(TestKernel.built("chipset.elf"), append: "test=\(claim) now=\(now) post=0x3c")
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains("1/1 PASS"), "\(account.console)")
        #expect((account.result.postCode == 0x3C) == (claim == "post"))
    }

    /// The guest's RAM takes host memory as it is touched: 64 GiB are as quick as a little.
    @Test func memoryAboveFourGiBIsThereAndCostsNothing() throws {
        let account = try Self.run(TestKernel.built("hello.elf"), memory: 64 << 30)
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains(" 67108479 KiB"), "\(account.console)")
        let sizes = try Self.run(TestKernel.built("chipset.elf"), memory: 5 << 30, append: "test=memory-size high=2048")
        #expect(sizes.outcome == .exitPort(0), "\(sizes.console)")
    }

    @Test(arguments: [TestKernel.spins, TestKernel.talksForEver, [0xFA, 0xF4, 0xEB, 0xFC]])
    func timeRunsOut(code: [UInt8]) throws {
        let account = try Self.run(flat: code, timeout: 0.3)
        #expect(account.outcome == .timeout(seconds: 0.3))
        #expect(account.result.duration >= 0.3)
    }

    @Test(arguments: ["spin", "hang"], [VirtualCPU.Kick.immediateExit, .signalMask])
    func eitherKickEndsARun(end: String, kick: VirtualCPU.Kick) throws {
        let account = try Self.run(
            TestKernel.built("ends.elf"), cpus: 2, append: "end=\(end)", timeout: 0.3, kick: kick)
        #expect(account.outcome == .timeout(seconds: 0.3))
        #expect(account.result.exits[.interrupted] >= 1)
    }

    @Test func aSignalEndsTheRun() throws {
        #expect(try Self.run(flat: TestKernel.spins, pending: SIGUSR2).outcome == .signal(SIGUSR2))
    }

    @Test func anEndFromOutsideEndsTheRun() throws {
        let account = try Self.run(TestKernel.built("ends.elf"), append: "end=spin") { machine in
            let end = machine.end
            end(.hostFailure("the device is gone"))
        }
        #expect(account.outcome == .hostFailure("the device is gone"))
    }

    @Test func machinesRunSideBySide() throws {
        let kernel = try TestKernel.built("hello.elf")
        let accounts = Mutex<[Int: Account]>([:])
        let failures = Mutex<[String]>([])
        @Sendable func body(_ number: Int) {
            do {
                let account = try Self.run(kernel, append: "exit=\(number + 10)")
                accounts.withLock { $0[number] = account }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        let first = try Thread("first") { for number in 0..<4 { body(number) } }
        let second = try Thread("second") { for number in 4..<8 { body(number) } }
        first.join()
        second.join()
        #expect(failures.withLock { $0 } == [])
        for number in 0..<8 {
            let account = try #require(accounts.withLock { $0[number] })
            #expect(account.outcome == .exitPort(UInt32(number + 10)))
            #expect(account.console.contains("\"exit=\(number + 10)\""), "nothing of another's")
        }
    }

    @Test(
        arguments: [
            (0, 1, "it must lie between 1 MiB and 1 TiB"), (4097 << 20 | 1, 1, "it must be a multiple of 4 KiB"),
            (512 << 10, 1, "it must lie between 1 MiB and 1 TiB"), (1 << 41, 1, "it must lie between 1 MiB and 1 TiB"),
            (1 << 20, 100_000, nil), (1 << 20, 0, nil), (1 << 20, -1, nil),
        ] as [(UInt64, Int, String?)])
    func whatCantBeBuiltIsSaid(memory: UInt64, cpus: Int, reason: String?) throws {
        do {
            _ = try Machine(MachineConfiguration(memory: memory, cpus: cpus), on: Hypervisor())
            Issue.record("was built")
        } catch MachineError.badMemorySize(let bytes, let said) {
            #expect(bytes == memory)
            #expect(said == reason)
        } catch MachineError.tooManyCPUs(let asked, let limit) {
            #expect(asked == cpus)
            #expect(limit > 0)
            #expect(reason == nil)
        }
    }

    @Test(arguments: [
        (0x3FA, "0x3f8-0x3ff (COM1)"), (0x64, "(the keyboard controller)"), (0xE9, "0xe8-0xeb (the test device)"),
    ])
    func portsThatClashAreSaid(port: UInt16, owner: String) throws {
        var configuration = MachineConfiguration(memory: 1 << 20, hasTestDevice: true)
        configuration.exitPort = port
        do {
            _ = try Machine(configuration, on: Hypervisor())
            Issue.record("was built")
        } catch MachineError.clash(.overlap(let claim, let earlier)) {
            #expect("\(claim)" == "0x\(String(port, radix: 16)) (the exit port)")
            #expect("\(earlier)".contains(owner))
        }
    }

    @Test(arguments: [
        "KVM_CREATE_VM", "KVM_SET_USER_MEMORY_REGION", "KVM_CREATE_IRQCHIP", "KVM_CREATE_PIT2", "KVM_CREATE_VCPU",
        "KVM_SET_CPUID2", "KVM_SET_LAPIC",
        "KVM_GET_SUPPORTED_CPUID", "KVM_SET_MSRS",
    ])
    func whatTheKernelRefusesIsSaid(call: String) throws {
        let kernel = KernelDouble(asksKernel: true)
        kernel.fail(call, ENOMEM)
        do {
            _ = try Machine(MachineConfiguration(memory: 1 << 20), on: Hypervisor(kernel: kernel))
            Issue.record("was built")
        } catch MachineError.kvm(.call(let error)) {
            #expect(error.call == call)
            #expect(error.errno == .noMemory)
        }
    }

    @Test func aKernelThatIsNotThereOrTooLargeIsSaid() throws {
        let directory = try TemporaryDirectory()
        let cases: [(kernel: String, words: String)] = [
            ("\(directory.path)/none", "there is no such file"), (directory.path, "Is a directory"),
            (try directory.file("noise", [UInt8](repeating: 0x5A, count: 4096)), "noise: "),
            (try directory.file("cut", Array(readFile(TestKernel.built("hello.elf")).prefix(3000))), "cut: "),
            (try directory.file("huge.bin", [UInt8](repeating: 0x90, count: 2 << 20)), "huge.bin: "),
        ]
        for (kernel, words) in cases {
            let machine = try Machine(MachineConfiguration(memory: 1 << 20), on: Hypervisor())
            do {
                try machine.load(BootConfiguration(kernel: kernel))
                Issue.record("\(kernel) was loaded")
            } catch {
                let said = error.description
                #expect(said.hasPrefix(kernel))
                #expect(said.contains(words))
            }
        }
    }
}
