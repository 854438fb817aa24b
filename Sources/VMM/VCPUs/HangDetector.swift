import KVM
import X86

/// Detects a guest that has ended without reporting it: every vCPU is halted with interrupts off, or was never started.
///
/// It regularly checks the processor time of the vCPUs. Only if they used almost none it has them kicked out of the
/// guest, to report whether an interrupt could wake them. Their reports are not of the same moment, so they are asked
/// twice.
struct HangDetector {
    enum Step: Equatable {
        /// Do nothing until `next`.
        case wait
        /// Ask every vCPU to report, before `next`, how it sleeps.
        case ask
        /// All slept for good each time they were asked.
        case over
    }

    private static let interval: UInt64 = 500_000_000
    /// The factor by which the interval grows for a guest that waits for interrupts.
    private static let leisure: UInt64 = 4
    /// The part of the time that idle vCPUs may use: kicks, and ticks of the host.
    private static let share: UInt64 = 20

    /// The time of the next check, by the monotonic clock.
    private(set) var next: UInt64
    private var lastLook: UInt64
    private var lastTime: UInt64 = 0
    private var hasAsked = false
    private var confirmations = 0

    /// - Parameter now: nanoseconds of the monotonic clock.
    init(from now: UInt64) {
        lastLook = now
        next = now + Self.interval
    }

    /// Checks the vCPUs, at `next` or later.
    /// - Parameters:
    ///   - processorTime: nanoseconds of processor time of all vCPUs together.
    ///   - areAsleep: true if all of them have reported, since they were last asked, that they sleep for good.
    mutating func look(at now: UInt64, processorTime: UInt64, areAsleep: Bool) -> Step {
        let isQuiet = (processorTime &- lastTime) &* Self.share <= now &- lastLook
        (lastLook, lastTime, next) = (now, processorTime, now + Self.interval)
        guard isQuiet else { return start() }
        if hasAsked {
            guard areAsleep else { return leave() }
            confirmations += 1
            if confirmations == 2 { return .over }
        }
        hasAsked = true
        return .ask
    }

    /// Something other than an interrupt could wake them.
    @discardableResult
    mutating func leave() -> Step {
        next = lastLook + Self.interval * Self.leisure
        return start()
    }

    private mutating func start() -> Step {
        (hasAsked, confirmations) = (false, 0)
        return .wait
    }
}

extension VirtualCPU {
    /// Returns true if no interrupt wakes it. For its own thread, between two entries.
    ///
    /// False if KVM doesn't give its state, and if the guest runs guests of its own: then the interrupt flag alone does
    /// not decide it.
    var sleepsForGood: Bool {
        switch (try? activity()).flatMap({ ProcessorActivity(rawValue: $0) }) {
        case .uninitialized, .initReceived: return true
        case .halted: break
        default: return false
        }
        guard let registers = try? registers(), registers.rflags & ProcessorRegisters.interruptFlag == 0 else {
            return false
        }
        guard let special = try? specialRegisters(), special.cr4 & Self.vmxEnable == 0,
            special.efer & Self.svmEnable == 0
        else { return false }
        guard let page = try? localAPIC(), let apic = LocalAPIC(page: page) else { return false }
        return !apic.makesNMIs
    }

    /// CR4.VMXE.
    private static let vmxEnable: UInt64 = 1 << 13
    /// EFER.SVME.
    private static let svmEnable: UInt64 = 1 << 12
}
