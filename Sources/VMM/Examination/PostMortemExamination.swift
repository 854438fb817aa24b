import CLinux
import KVM
public import PostMortem
import X86

/// The guest's RAM, for the PostMortem module, which does not know this type.
struct ExaminedMemory: PhysicalMemory {
    let memory: GuestMemory

    func read(at address: UInt64, count: Int) -> [UInt8]? { try? memory.read(at: address, count: count) }
}

extension Machine {
    /// Examines the guest: after `run`, while the machine and its devices exist.
    ///
    /// Data that the host doesn't provide is left out; nothing here fails.
    /// - Parameters:
    ///   - outcome: the run's outcome.
    ///   - symbols: the kernel's names at its linked addresses.
    public func postMortem(_ outcome: Outcome, symbols: SymbolTable?) -> PostMortem {
        let cause: PostMortem.Cause =
            switch outcome {
            case .tripleFault(let vcpu): .tripleFault(vcpu: vcpu)
            case .internalError(let vcpu, _, _): .internalError(vcpu: vcpu)
            case .timeout, .hang, .signal, .terminal, .console: .stopped
            default: .ended
            }
        // A served exit is complete only after the next KVM_RUN. After an error there is nothing to complete.
        for worker in workers where kick == .immediateExit {
            let number = worker.vcpu.number
            if cause != .tripleFault(vcpu: number), cause != .internalError(vcpu: number) {
                worker.vcpu.completeAccess()
            }
        }
        var symbols = symbols
        let registers = workers.map { $0.vcpu.examined() }
        let earlier = zip(workers, registers).map {
            cause == .tripleFault(vcpu: $0.vcpu.number) && $1?.isReset != false ? $0.vcpu.registersBefore : nil
        }
        let known = zip(registers, earlier).map { registers, earlier in
            earlier.map { ProcessorRegisters($0.general, $0.special) } ?? registers
        }
        let shifts = known.lazy.compactMap { registers -> UInt64? in
            guard let registers else { return nil }
            return symbols?.shift(registers, VirtualMemory(registers.paging, ExaminedMemory(memory: self.memory)))
        }
        if let shift = shifts.first { symbols?.offset = shift }
        let vcpus = workers.indices.map { index in
            var state = state(workers[index], registers[index], symbols)
            if let earlier = earlier[index] {
                state.earlier = self.earlier(workers[index], earlier.general, earlier.special, state.trail, symbols)
            }
            return state
        }
        var examined = PostMortem(
            cause: cause, vcpus: vcpus, ioapic: (try? vm.ioapic()).flatMap { IOAPIC(state: $0) },
            symbols: symbols)
        examined.screen = TextScreen(ExaminedMemory(memory: memory), start: display.start)
        (examined.log, examined.hints) = examineLinux(known, symbols)
        examined.hasConsoleOutput = console.byteCount > 0
        if let first = try? vm.pic(0), let second = try? vm.pic(1) {
            examined.pic = PIC(first: first, second: second, hasFirmwareTimer: vm.hasFirmwareTimer)
        }
        return examined
    }

    private func state(_ worker: VCPUThread, _ registers: ProcessorRegisters?, _ symbols: SymbolTable?) -> VCPUState {
        let vcpu = worker.vcpu
        var state = VCPUState(number: vcpu.number)
        state.activity = (try? vcpu.activity()).flatMap { ProcessorActivity(rawValue: $0) }
        state.apic = (try? vcpu.localAPIC()).flatMap { LocalAPIC(page: $0) }
        state.exitCount = UInt64(worker.recorder.count)
        state.trail = worker.recorder.lastEntries.map { entry in
            ExitRecord(
                kind: VCPUExit.Kind(rawValue: Int(entry.kind))?.name ?? "other", address: entry.address,
                width: Int(entry.width), value: entry.value,
                age: span.age(of: entry.time))
        }
        state.registerLines = vcpu.registerLines()
        guard let registers else { return state }
        state.registers = registers
        state.samples = worker.recorder.lastSamples.map {
            VCPUState.Sample(
                address: registers.codeBase &+ $0.instruction,
                hasInterruptsOn: $0.flags & ProcessorRegisters.interruptFlag != 0)
        }
        let virtual = VirtualMemory(registers.paging, ExaminedMemory(memory: memory))
        if registers.instruction > 0 { state.code = virtual.read(at: registers.instruction - 1, count: 16) ?? [] }
        state.backtrace = StackWalk(registers, virtual, symbols: symbols).frames()
        return state
    }

    /// Returns the state before the exit that lost the registers, which is the trail's last.
    private func earlier(
        _ worker: VCPUThread, _ general: kvm_regs, _ special: kvm_sregs, _ trail: [ExitRecord], _ symbols: SymbolTable?
    ) -> EarlierState {
        let registers = ProcessorRegisters(general, special)
        var earlier = EarlierState(registers)
        earlier.registerLines = VirtualCPU.lines(general, special)
        let end = trail.last?.age ?? 0
        let passed = worker.recorder.lastPass > 0 ? span.age(of: worker.recorder.lastPass) : .infinity
        let exit = trail.dropLast().last
        if let exit, exit.age <= passed {
            (earlier.exit, earlier.age) = (exit, exit.age - end)
        } else if passed < .infinity {
            earlier.age = passed - end
        }
        let walk = StackWalk(
            registers, VirtualMemory(registers.paging, ExaminedMemory(memory: memory)), symbols: symbols)
        earlier.stack = walk.leftovers()
        earlier.exceptions = walk.exceptionFrames(code: UInt64(special.cs.selector), stack: UInt64(special.ss.selector))
        return earlier
    }
}

extension VirtualCPU {
    /// Returns its registers for a post-mortem; nil if KVM doesn't provide them.
    fileprivate func examined() -> ProcessorRegisters? {
        guard let general = try? registers(), let special = try? specialRegisters() else { return nil }
        return ProcessorRegisters(general, special)
    }
}

extension ProcessorRegisters {
    fileprivate init(_ general: kvm_regs, _ special: kvm_sregs) {
        self.init()
        (rip, flags, rsp, rbp) = (general.rip, general.rflags, general.rsp, general.rbp)
        (cr0, cr3, cr4, efer) = (special.cr0, special.cr3, special.cr4, special.efer)
        is64Bit = special.efer & 1 << 10 != 0 && special.cs.l != 0
        is32Bit = !is64Bit && special.cs.db != 0
        codeBase = is64Bit ? 0 : special.cs.base
        stackBase = is64Bit ? 0 : special.ss.base
        idtBase = special.idt.base
        privilege = special.ss.dpl
    }
}
