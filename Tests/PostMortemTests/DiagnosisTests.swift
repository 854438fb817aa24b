import PostMortem
import Testing
import TestSupport
import X86

/// What is said of a vCPU, for each state that one can be in.
struct DiagnosisTests {
    private static let symbols = SymbolTable([
        .init(address: 0x1000, size: 0x400, name: "wait", isCode: true),
        .init(address: 0x2000, size: 0x400, name: "work", isCode: true),
    ])

    private func vcpu(
        _ activity: ProcessorActivity?, flags: UInt64 = 0x202, rip: UInt64 = 0x1010, apic: [Int: UInt32]? = nil
    ) -> VCPUState {
        var vcpu = VCPUState(number: 0)
        vcpu.activity = activity
        var registers = ProcessorRegisters()
        (registers.rip, registers.flags, registers.cr0) = (rip, flags, 1)
        vcpu.registers = registers
        vcpu.apic = apic.flatMap { LocalAPIC(page: InterruptControllers.localAPIC($0)) }
        return vcpu
    }

    private func words(
        _ vcpu: VCPUState, _ cause: PostMortem.Cause = .stopped, devices: [DeviceInterrupts] = [], ioapic: IOAPIC? = nil
    ) -> String {
        var mortem = PostMortem(cause: cause, vcpus: [vcpu], ioapic: ioapic, symbols: Self.symbols)
        mortem.devices = devices
        #expect(mortem.lines.first == mortem.diagnosis.first)
        #expect(mortem.lines.count <= 40)
        return mortem.diagnosis[0]
    }

    @Test func halts() {
        let place = "vCPU 0 is halted at rip 0x1010 (wait+0x10), waiting for an interrupt: "
        #expect(
            words(vcpu(.halted, flags: 2))
                == "vCPU 0 is halted with interrupts off at rip 0x1010 (wait+0x10): only an NMI or a reset can wake it")
        #expect(words(vcpu(.halted)) == place + "none is pending")
        #expect(
            words(vcpu(.halted, apic: [0xF0: 0x100, 0x210: 1])) == place
                + "vector 0x20 is pending, and about to wake it")
        #expect(
            words(vcpu(.halted, apic: [0xF0: 0x100, 0x110: 2, 0x210: 1])) == place
                + "vector 0x20 is pending, but vector 0x21 is in service and was never ended by an EOI")
        #expect(
            words(vcpu(.halted, apic: [0xF0: 0x100, 0x80: 0x30, 0x210: 1])) == place
                + "vector 0x20 is pending, but the task priority 0x30 holds it back")
        #expect(
            words(vcpu(.halted, apic: [0x210: 1])) == place + "vector 0x20 is pending, but its local APIC is disabled")
        // Where KVM does not say: by the instruction before RIP.
        var silent = vcpu(nil, flags: 2)
        silent.code = [0xF4, 0xEB]
        #expect(words(silent).contains("is halted with interrupts off"))
        silent.samples = samples(0x1010, 0x2000)
        #expect(!words(silent).contains("halted"))
    }

    @Test func devicesThatMayNotSpeak() throws {
        func device(
            _ mode: String, disabled: Bool = false, functionMasked: Bool = false,
            _ vectors: [DeviceInterrupts.Vector] = []
        ) -> DeviceInterrupts {
            DeviceInterrupts(
                address: "0000:00:04.0", mode: mode, gsi: mode == "INTx" ? 17 : nil, isINTxDisabled: disabled,
                isFunctionMasked: functionMasked,
                vectors: vectors)
        }
        let held = DeviceInterrupts.Vector(number: 0, isMasked: true, isPending: true, guestVector: 0x31)
        #expect(
            words(vcpu(.halted), devices: [device("MSI-X", [held])]).hasSuffix(
                "MSI-X vector 0 of 0000:00:04.0 is masked, 1 pending"))
        #expect(
            words(vcpu(.halted), devices: [device("MSI-X", functionMasked: true, [held])]).hasSuffix(
                "the function's MSI-X is masked, 1 pending (0000:00:04.0)")
        )
        #expect(
            words(vcpu(.halted), devices: [device("INTx", disabled: true)]).hasSuffix(
                "0000:00:04.0 may not assert INTx: the guest set INTx-disable"))
        var state = MemoryImage(count: 216)
        state.put(1 << 17, at: 16, width: 4)
        state.put(1 << 16 | 1 << 15 | 0x31, at: 24 + 17 * 8)
        let masked = IOAPIC(state: state.bytes)
        state.put(0, at: 16, width: 4)
        #expect(
            words(vcpu(.halted), devices: [device("INTx")], ioapic: IOAPIC(state: state.bytes)).hasSuffix(
                "none is pending"))
        #expect(
            words(vcpu(.halted), devices: [device("INTx")], ioapic: masked).hasSuffix(
                "INTx of 0000:00:04.0 is asserted, but pin 17 of the I/O APIC is masked"))
        state.put(1 << 15 | 1 << 14 | 0x31, at: 24 + 17 * 8)
        #expect(
            words(vcpu(.halted), devices: [device("INTx")], ioapic: IOAPIC(state: state.bytes)).hasSuffix(
                "was taken and never ended by an EOI"))
    }

    @Test func aPICThatHoldsAnInterruptBack() {
        let (open, shut) = ([0x350: 0x700], [0x350: 0x1_0700]) as ([Int: UInt32], [Int: UInt32])
        func sentence(_ pic: PIC?, _ apic: [Int: UInt32]?) -> String {
            var mortem = PostMortem(
                cause: .stopped, vcpus: [vcpu(.halted, apic: apic)], ioapic: nil, symbols: Self.symbols)
            mortem.pic = pic
            #expect(mortem.lines.contains { $0.hasPrefix("PIC: ") } == (pic != nil && apic != shut))
            return String(mortem.diagnosis[0].split(separator: ": ").last ?? "")
        }
        let masked = InterruptControllers.pic(requested: 1, masked: 0xFFFF)
        #expect(sentence(masked, open) == "IRQ 0 is requested, but masked at the PIC")
        // What the PIC holds is no matter where the local APIC doesn't listen to it.
        #expect(sentence(masked, shut) == "none is pending")
        #expect(sentence(nil, open) == "none is pending")
        #expect(
            sentence(InterruptControllers.pic(requested: 2, inService: 1), open)
                == "IRQ 1 is requested at the PIC, but IRQ 0 was taken there and never ended by an EOI")
        #expect(
            sentence(InterruptControllers.pic(inService: 1), nil)
                == "IRQ 0 was taken from the PIC and never ended by an EOI")
        #expect(
            sentence(InterruptControllers.pic(requested: 2), open)
                == "IRQ 1 is requested at the PIC, and about to wake it")
    }

    private func samples(_ addresses: UInt64..., interrupts: UInt64...) -> [VCPUState.Sample] {
        addresses.map { .init(address: $0, hasInterruptsOn: true) }
            + interrupts.map { .init(address: $0, hasInterruptsOn: false) }
    }

    @Test func runs() {
        var spinning = vcpu(.runnable)
        for met in [
            samples(0x1000, 0x1300, 0x1010), samples(0x2000, 0x1300, 0x1010),
            samples(0x1000, interrupts: 0x2000, 0x2020),
        ] {
            spinning.samples = met
            #expect(words(spinning) == "vCPU 0 is spinning at rip 0x1010 (wait+0x10)")
        }
        var stopped = vcpu(.runnable, flags: 2, rip: 0x2010)
        stopped.samples = samples(0x1000, 0x1300, 0x1014, interrupts: 0x2000, 0x2010, 0x2020)
        #expect(
            words(stopped)
                == """
                vCPU 0 is spinning at rip 0x1014 (wait+0x14), and was stopped in an interrupt, at rip 0x2010 \
                (work+0x10)
                """
        )
        stopped.samples = samples(interrupts: 0x2000, 0x2014)
        #expect(words(stopped) == "vCPU 0 is spinning at rip 0x2010 (work+0x10) with interrupts off")
        stopped.samples = samples(0x1000, 0x1200, 0x2010, 0x2200)
        #expect(words(stopped) == "vCPU 0 is running with interrupts off, last at rip 0x2010 (work+0x10)")
        spinning.samples = samples(0x1000, 0x2000, 0x2200)
        #expect(words(spinning) == "vCPU 0 is running, last at rip 0x1010 (wait+0x10)")
        spinning.trail = (0..<20).map {
            ExitRecord(kind: "port_in", address: 0x64, width: 1, value: UInt64($0), age: 0.1)
        }
        #expect(words(spinning) == "vCPU 0 is polling port 0x64 at rip 0x1010 (wait+0x10)")
        #expect(words(vcpu(.runnable, flags: 2), .ended) == "vCPU 0 was at rip 0x1010 (wait+0x10) with interrupts off")
    }

    @Test func endsOfOneVCPU() {
        #expect(words(vcpu(.runnable), .tripleFault(vcpu: 0)) == "vCPU 0 triple-faulted at rip 0x1010 (wait+0x10)")
        #expect(
            words(vcpu(.runnable), .internalError(vcpu: 0)) == "vCPU 0 could not be run on at rip 0x1010 (wait+0x10)")
        var reset = vcpu(.runnable, rip: 0xFFF0)
        reset.registers?.cr0 = 0x10
        reset.registers?.codeBase = 0xFFFF_0000
        #expect(
            words(reset, .tripleFault(vcpu: 0)).hasSuffix("KVM has reset its registers since, so where is not known"))
        let sentence = "vCPU 0 triple-faulted; KVM has reset its registers since; "
        var earlier = EarlierState(vcpu(.runnable, rip: 0x2010).registers ?? .init())
        reset.earlier = earlier
        #expect(
            words(reset, .tripleFault(vcpu: 0)) == sentence
                + "it had made no exit since it began at rip 0x2010 (work+0x10)")
        earlier.age = 0.25
        reset.earlier = earlier
        #expect(
            words(reset, .tripleFault(vcpu: 0)) == sentence
                + "0.250000 s before, as it was interrupted, it was at rip 0x2010 (work+0x10)")
        earlier.exit = ExitRecord(kind: "port_out", address: 0x3F8, width: 1, value: 0x41, age: 0.3)
        earlier.registerLines = (0..<7).map { "earlier \($0)" }
        earlier.stack = (0..<9).map { StackFrame(address: 0x2000 + $0, symbol: nil, isCertain: false) }
        earlier.exceptions = [0x1010, 0x2010, 0x2010, 0x1020].map {
            ExceptionFrame(address: 0, instruction: $0, symbol: nil, stackPointer: 0x8000)
        }
        reset.earlier = earlier
        reset.registerLines = ["reset"]
        #expect(
            words(reset, .tripleFault(vcpu: 0)) == sentence
                + "0.250000 s before, at its last exit, port_out 0x3f8 <- 0x41 (1), it was at rip 0x2010 (work+0x10)")
        let lines = PostMortem(cause: .tripleFault(vcpu: 0), vcpus: [reset], ioapic: nil, symbols: Self.symbols).lines
        #expect(!lines.contains("reset"))
        #expect(earlier.registerLines.allSatisfy(lines.contains))
        #expect(lines[1] == "registers of vCPU 0 as they were 0.250000 s before the triple fault:")
        #expect(
            lines.filter { $0.hasPrefix("  at rip") } == [
                "  at rip 0x1010, rsp 0x8000", "  at rip 0x2010, rsp 0x8000, and 1 more there",
            ])
        #expect(words(vcpu(.uninitialized)) == "vCPU 0 was never started: it waits for INIT and SIPI")
        #expect(words(vcpu(.initReceived)) == "vCPU 0 was never started: it had its INIT and waits for SIPI")
    }

    @Test func theTextIsShortHoweverMuchThereIs() {
        var vcpus: [VCPUState] = []
        for number: UInt32 in 0..<64 {
            var vcpu = VCPUState(number: number)
            vcpu.registers = ProcessorRegisters()
            vcpu.registerLines = (0..<7).map { "line \($0)" }
            vcpu.backtrace = (0..<16).map { StackFrame(address: $0, symbol: nil, isCertain: false) }
            vcpu.trail = (0..<64).map { ExitRecord(kind: "port_out", address: $0, width: 1, value: 0, age: 0) }
            vcpus.append(vcpu)
        }
        var mortem = PostMortem(
            cause: .stopped, vcpus: vcpus, ioapic: IOAPIC(state: [UInt8](repeating: 0x80, count: 216)), symbols: nil)
        mortem.devices = (0..<8).map {
            DeviceInterrupts(
                address: "\($0)", mode: "MSI-X", gsi: nil, isINTxDisabled: false, isFunctionMasked: false, vectors: [])
        }
        #expect(mortem.lines.count <= 40, "\(mortem.lines.count)")
    }
}
