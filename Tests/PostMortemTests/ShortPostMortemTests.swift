import PostMortem
import Testing
import TestSupport
import X86

/// The short text: what matters at first, in a dozen lines.
@Suite struct ShortPostMortemTests {
    private func vcpu(_ number: UInt32, _ activity: ProcessorActivity, flags: UInt64 = 0x202) -> VCPUState {
        var vcpu = VCPUState(number: number)
        vcpu.activity = activity
        var registers = ProcessorRegisters()
        (registers.rip, registers.flags) = (0x1010, flags)
        vcpu.registers = registers
        vcpu.registerLines = (0..<7).map { "line \($0)" }
        vcpu.backtrace = [0x1010, 0x2004, 0x3000, 0x2008].map {
            StackFrame(address: $0, symbol: $0 == 0x3000 ? nil : "f+0x\($0)", isCertain: false)
        }
        vcpu.trail = (0..<64).map { ExitRecord(kind: "port_out", address: $0, width: 1, value: 0, age: 0) }
        return vcpu
    }

    private func mortem(_ vcpus: [VCPUState], cause: PostMortem.Cause = .stopped) -> PostMortem {
        PostMortem(
            cause: cause, vcpus: vcpus, ioapic: IOAPIC(state: [UInt8](repeating: 0x80, count: 216)), symbols: nil)
    }

    @Test func whyWhereAndByWhichWay() {
        let lines = mortem([vcpu(0, .halted, flags: 2)]).shortLines
        #expect(
            lines == [
                "vCPU 0 is halted with interrupts off at rip 0x1010: only an NMI or a reset can wake it",
                "backtrace of vCPU 0: f+0x8196 ?, f+0x8200 ? (? = found on the stack, may be stale)",
                "registers, stack and the last exits: --post-mortem full",
            ])
    }

    @Test("of many vCPUs those at fault come first")
    func vcpuRanking() throws {
        let many = (0..<64).map { vcpu($0, $0 == 40 ? .runnable : .halted) }
        let lines = mortem(many).shortLines
        try #require(lines.count <= 12)
        #expect(lines[0].hasPrefix("vCPU 40 was at "))
        #expect(lines[1].hasPrefix("vCPU 0 is halted"))
        #expect(lines[4].hasPrefix("and 60 more vCPUs"))
        #expect(mortem(many, cause: .tripleFault(vcpu: 63)).shortLines[0].hasPrefix("vCPU 63 triple-faulted"))
    }

    @Test func whatKVMCouldNotGoOnWithHasItsRegisters() {
        let lines = mortem([vcpu(0, .runnable)], cause: .internalError(vcpu: 0)).shortLines
        #expect(lines.contains("line 0"))
        #expect(lines.count <= 12)
    }

    @Test func theScreenIsShownWhereTheConsoleWasSilent() {
        var memory = MemoryImage()
        memory.put(0x0741, at: 0xB8000, width: 2)
        var examined = mortem([vcpu(0, .runnable)])
        examined.screen = TextScreen(memory, start: 0)
        #expect(!examined.shortLines.contains("  A"))
        #expect(examined.lines.contains("  A"))
        examined.hasConsoleOutput = false
        #expect(examined.shortLines.contains("  A"))
    }

    @Test func hintsComeLast() {
        var examined = mortem([vcpu(0, .runnable)])
        examined.hints = ["do this"]
        #expect(examined.shortLines.last == "hint: do this")
        #expect(examined.lines.last == "hint: do this")
    }
}
