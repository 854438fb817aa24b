import Bytes
public import X86

/// The state of a guest at the end of its run, and its explanation in sentences.
public struct PostMortem: Sendable, Equatable {
    /// The end of the run, as far as it concerns one vCPU.
    public enum Cause: Sendable, Equatable {
        /// No vCPU's doing: the time limit, the console or a signal ended the run.
        case stopped
        /// The guest ended the run itself: a panic, a reset.
        case ended
        case tripleFault(vcpu: UInt32)
        case internalError(vcpu: UInt32)
    }

    public let cause: Cause
    public let vcpus: [VCPUState]
    public let ioapic: IOAPIC?
    /// The PICs' state; nil if the host doesn't provide it.
    public var pic: PIC?
    public var devices: [DeviceInterrupts] = []
    /// The guest's text screen; nil if it is blank.
    public var screen: TextScreen?
    /// Advice for the user, a sentence each.
    public var hints: [String] = []
    /// A Linux kernel's log, if its console showed little or nothing of it.
    public var log: KernelLog?
    /// True if the guest wrote to the console.
    public var hasConsoleOutput = true
    /// Returns the name of a code address; nil without symbols.
    private let name: @Sendable (UInt64) -> String?

    public static func == (left: PostMortem, right: PostMortem) -> Bool {
        left.cause == right.cause && left.vcpus == right.vcpus && left.ioapic == right.ioapic && left.pic == right.pic
            && left.devices == right.devices
            && left.screen == right.screen && left.hints == right.hints && left.log == right.log
            && left.hasConsoleOutput == right.hasConsoleOutput
    }

    public init(cause: Cause, vcpus: [VCPUState], ioapic: IOAPIC?, symbols: SymbolTable?) {
        (self.cause, self.vcpus, self.ioapic) = (cause, vcpus, ioapic)
        name = { symbols?.name(of: $0) }
    }

    // MARK: Diagnosis

    /// A sentence for each vCPU, in order.
    public var diagnosis: [String] { vcpus.map(diagnosis) }

    func diagnosis(_ vcpu: VCPUState) -> String {
        "vCPU \(vcpu.number) \(finding(vcpu))"
    }

    private func finding(_ vcpu: VCPUState) -> String {
        switch vcpu.activity {
        case .uninitialized: return "was never started: it waits for INIT and SIPI"
        case .initReceived, .sipiReceived: return "was never started: it had its INIT and waits for SIPI"
        default: break
        }
        guard let registers = vcpu.registers else { return "can't be read: KVM won't tell its registers" }
        let place = place(registers.instruction)
        switch cause {
        case .tripleFault(vcpu.number):
            // On AMD's processors KVM resets the vCPU to the state after INIT.
            guard registers.isReset else { return "triple-faulted at \(place)" }
            guard let earlier = vcpu.earlier else {
                return "triple-faulted; KVM has reset its registers since, so where is not known"
            }
            return
                """
                triple-faulted; KVM has reset its registers since; \
                \(earlier.words(self.place(earlier.registers.instruction)))
                """
        case .internalError(vcpu.number): return "could not be run on at \(place)"
        default: break
        }
        if vcpu.isHalted { return halted(vcpu, registers, place) }
        let interrupts = registers.hasInterruptsOn ? "" : " with interrupts off"
        if let poll = Self.poll(vcpu.trail) { return "is polling \(poll) at \(place)\(interrupts)" }
        if case .stopped = cause, vcpu.samples.count > 1 {
            let last = VCPUState.Sample(address: registers.instruction, hasInterruptsOn: registers.hasInterruptsOn)
            if let usual = usualPlace(vcpu.samples + [last]) {
                if isNear(usual, last.address) { return "is spinning at \(place)\(interrupts)" }
                if !last.hasInterruptsOn {
                    return "is spinning at \(self.place(usual)), and was stopped in an interrupt, at \(place)"
                }
            }
            return "is running\(interrupts), last at \(place)"
        }
        return "was at \(place)\(interrupts)"
    }

    private func halted(_ vcpu: VCPUState, _ registers: ProcessorRegisters, _ place: String) -> String {
        guard registers.hasInterruptsOn else {
            return "is halted with interrupts off at \(place): only an NMI or a reset can wake it"
        }
        let start = "is halted at \(place), waiting for an interrupt"
        if let apic = vcpu.apic, let highest = apic.requested.last {
            if apic.canDeliver {
                return "\(start): vector \(UInt64(highest).hexadecimal) is pending, and about to wake it"
            }
            let vector = "\(start): vector \(UInt64(highest).hexadecimal) is pending, but "
            if !apic.isEnabled { return vector + "its local APIC is disabled" }
            if let served = apic.inService.last, served >> 4 >= highest >> 4 {
                return vector + "vector \(UInt64(served).hexadecimal) is in service and was never ended by an EOI"
            }
            return vector + "the task priority \(UInt64(apic.taskPriority).hexadecimal) holds it back"
        }
        if let obstacle = devices.lazy.compactMap({ $0.obstacle(ioapic) }).first { return "\(start): \(obstacle)" }
        if vcpu.apic?.acceptsPIC != false, let obstacle = pic?.obstacle { return "\(start): \(obstacle)" }
        if let apic = vcpu.apic, let served = apic.inService.last {
            return
                """
                \(start): none is pending; vector \(UInt64(served).hexadecimal) was never ended by an EOI and \
                holds back those below it
                """
        }
        return "\(start): none is pending"
    }

    private func place(_ address: UInt64) -> String {
        "rip \(address.hexadecimal)" + (name(address).map { " (\($0))" } ?? "")
    }

    /// Returns the place that two thirds or more of the samples are near, the latest such sample; nil if there is none.
    ///
    /// If at least two samples have interrupts on, only these count: on a slow host a guest spends much of its time in
    /// its clock's interrupt.
    private func usualPlace(_ samples: [VCPUState.Sample]) -> UInt64? {
        let open = samples.filter(\.hasInterruptsOn)
        let places = (open.count > 1 ? open : samples).map(\.address)
        return places.last { place in 3 * places.count { isNear($0, place) } >= 2 * places.count }
    }

    /// Returns true if addresses are in one function, or within 64 bytes.
    private func isNear(_ one: UInt64, _ other: UInt64) -> Bool {
        max(one, other) - min(one, other) <= 64 || function(one) != nil && function(one) == function(other)
    }

    private func function(_ address: UInt64) -> Substring? { name(address)?.prefix { $0 != "+" } }

    /// Returns the access that the last exits repeat; nil if there is none.
    private static func poll(_ trail: [ExitRecord]) -> String? {
        let last = trail.suffix(32).filter { $0.kind != "interrupted" }
        guard last.count >= 16, let first = last.first, last.allSatisfy({ $0.isLike(first) }) else { return nil }
        switch first.kind {
        case "port_in": return "port \(first.address.hexadecimal)"
        case "mmio_read": return "address \(first.address.hexadecimal)"
        default: return nil
        }
    }

    // MARK: Text

    /// The vCPUs whose registers and stack are shown: those most likely at fault.
    var suspects: [VCPUState] { Array(ranked.prefix(1)) }

    /// All vCPUs, those most likely at fault first.
    var ranked: [VCPUState] {
        switch cause {
        case .tripleFault(let number), .internalError(let number):
            return vcpus.filter { $0.number == number } + vcpus.filter { $0.number != number }
        default: break
        }
        func rank(_ vcpu: VCPUState) -> Int {
            switch vcpu.activity {
            case .uninitialized, .initReceived, .sipiReceived: return 3
            default: break
            }
            guard vcpu.isHalted else { return 0 }
            return vcpu.registers?.hasInterruptsOn == false ? 1 : 2
        }
        return vcpus.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(
            \.element)
    }

    /// The rows of the guest's text screen under a heading; empty if it is blank.
    public var screenLines: [String] {
        guard let screen else { return [] }
        return ["the guest's text screen at \(screen.address.hexadecimal), without blank rows:"]
            + screen.lines.map { "  " + $0 }
    }

    /// The full text for people: at most 40 lines, plus the text screen, the kernel's log and the hints.
    public var lines: [String] {
        var lines = diagnosis.prefix(6).map { $0 }
        if vcpus.count > 6 { lines.append("and \(vcpus.count - 6) more vCPUs: see the report") }
        for vcpu in suspects {
            if let earlier = vcpu.earlier {
                lines += earlier.lines(vcpu.number)
            } else {
                if vcpus.count > 1 { lines.append("registers of vCPU \(vcpu.number):") }
                lines += vcpu.registerLines
            }
            if vcpu.backtrace.count > 1 {
                lines.append("backtrace of vCPU \(vcpu.number) (? = found on the stack, may be stale):")
                lines += vcpu.backtrace.prefix(8).map { "  " + $0.words }
            }
            if let apic = vcpu.apic { lines.append("local APIC of vCPU \(vcpu.number): \(apic.words)") }
        }
        if let pins = ioapic?.notable, !pins.isEmpty {
            lines += pins.prefix(4).map { "I/O APIC \($0.words)" }
            if pins.count > 4 { lines.append("I/O APIC: and \(pins.count - 4) more pins: see the report") }
        }
        if let pic, pic.isUsed || pic.obstacle != nil, vcpus.contains(where: { $0.apic?.acceptsPIC != false }) {
            lines.append("PIC: \(pic.words)")
        }
        lines += devices.prefix(4).map(\.words)
        for vcpu in suspects { lines += Self.trail(vcpu) }
        return lines + logLines(Self.fullLogLimit) + screenLines + hintLines
    }

    /// Returns the last exits as lines; consecutive equal ones share a line.
    private static func trail(_ vcpu: VCPUState) -> [String] {
        var runs: [(record: ExitRecord, count: Int)] = []
        for record in vcpu.trail where record.kind != "interrupted" {
            if let last = runs.last, last.record.isLike(record) {
                runs[runs.count - 1] = (record, last.count + 1)
            } else {
                runs.append((record, 1))
            }
        }
        guard !runs.isEmpty else { return ["vCPU \(vcpu.number) made no exit"] }
        return ["the last of \(vcpu.exitCount) exits of vCPU \(vcpu.number):"]
            + runs.suffix(6).map { run in
                """
                  \(seconds(run.record.age)) before the end: \
                \(run.record.words)\(run.count > 1 ? ", and \(run.count - 1) alike before it" : "")
                """
            }
    }

    static func seconds(_ age: Double) -> String {
        let microseconds = Int((max(age, 0) * 1e6).rounded())
        let fraction = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction) s"
    }
}
