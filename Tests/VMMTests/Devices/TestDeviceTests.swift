import Glibc
import KVM
import LinuxSystem
import TestSupport
import Testing

@testable import VMM

/// kvm-unit-tests' test device: what it does at its edges, and what guests see of it on real KVM.
@Suite struct TestDeviceTests {
    @Test func scratchBytesEndWhereTheyEnd() {
        let scratch = TestScratch(count: 4)
        scratch.write(0, 0x4433_2211, width: 4)
        #expect(scratch.read(1, width: 2) == 0x3322)
        #expect(scratch.read(2, width: 8) == 0x4433, "behind the last byte there is nothing")
        scratch.write(3, 0xBBAA, width: 2)
        #expect(scratch.read(0, width: 8) == 0xAA33_2211)
    }

    @Test func theFunctionCountsWhatItAsksFor() {
        let function = TestFunction()
        for (bar, offset) in [(0, 0x800), (1, 0x80)] as [(Int, UInt64)] {
            function.writeBAR(bar, offset: 0, 0, width: 1)
            #expect(function.readBAR(bar, offset: 0, width: 2) == 0x100)
            #expect(function.readBAR(bar, offset: 4, width: 4) == offset)
            for _ in 0..<3 { function.writeBAR(bar, offset: offset, 0xFA, width: 1) }
            function.writeBAR(bar, offset: offset, 0xFB, width: 1)
            function.writeBAR(bar, offset: offset, 0xFA, width: 2)
            #expect(function.readBAR(bar, offset: 12, width: 4) == 3)
            // Another test has no width, and counts nothing.
            function.writeBAR(bar, offset: 0, 1, width: 1)
            function.writeBAR(bar, offset: offset, 0xFA, width: 1)
            #expect(function.readBAR(bar, offset: 0, width: 2) == 1)
            #expect(function.readBAR(bar, offset: 12, width: 4) == 0)
        }
        #expect(function.readBAR(0, offset: 0xFFF, width: 8) == 0)
        #expect(function.readBAR(7, offset: 0, width: 4) == .max)
    }

    private static func run(_ guest: String, cpus: Int = 1, append: String) throws -> (
        outcome: Outcome, console: String
    ) {
        let signals = try SignalDescriptor([SIGUSR2])
        var screen = try Pipe()
        let configuration = MachineConfiguration(
            memory: 64 << 20, cpus: cpus, consoleOutput: screen.input, timeout: 60, hasTestDevice: true)
        let machine = try Machine(configuration, on: Hypervisor())
        try machine.load(BootConfiguration(kernel: TestKernel.built(guest), commandLine: append))
        let result = try machine.run(signals: signals)
        screen.closeWriting()
        return (result.outcome, String(decoding: screen.readAvailable(), as: UTF8.self))
    }

    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func aGuestUsesAllOfIt() throws {
        let account = try Self.run("board.elf", append: "memory=64 require=all")
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains("12/12 PASS"), "\(account.console)")
        for claim in ["scratch-ports", "scratch-memory", "page-flush", "lines", "counted-writes"] {
            #expect(account.console.contains("board: \(claim) ok"))
        }
    }

    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func itsFunctionIsAPCIFunctionLikeOthers() throws {
        let account = try Self.run(
            "pci.elf",
            append:
                """
                test=agreement,identity,bar-sizes,bar-overlap,bar-move,decode-off \
                require=bar-sizes,bar-move,decode-off
                """
        )
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains("00:1f.0 1b36:0005"))
        #expect(account.console.contains("BAR 0 memory32 at 0xc0000000 size 0x1000"))
        #expect(account.console.contains("BAR 1 io at 0xc000 size 0x100"))
    }

    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func itsSlotIsTaken() throws {
        let configuration = MachineConfiguration(memory: 1 << 20, hasTestDevice: true)
        let machine = try Machine(configuration, on: Hypervisor())
        #expect(throws: PCIHostBridge.PlugError.self) { try machine.bridge.plug(PCIFunction(), slot: 31) }
    }
}
