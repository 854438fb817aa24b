import KVM
import X86

/// Notices a guest that is over though it never said so: every vCPU is halted with interrupts off, or was never
/// started.
///
/// It looks now and then at how much processor time the vCPUs took. Only where they took next to none it has them
/// kicked out of the guest, to say whether an interrupt could wake them. What they say is not of one moment, so they
/// are asked twice.
struct HangDetector {
    enum Step: Equatable {
        /// Nothing to do until `next`.
        case wait
        /// Have every vCPU say, before `next`, how it sleeps.
        case ask
        /// All slept for good each time they were asked.
        case over
    }

    private static let interval: UInt64 = 500_000_000
    /// How much longer a guest that waits for interrupts is left alone.
    private static let leisure: UInt64 = 4
    /// The part of the time that vCPUs which do nothing may take: kicks, and ticks of the host.
    private static let share: UInt64 = 20

    /// When to look again, by the monotonic clock.
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

    /// At `next` or later.
    /// - Parameters:
    ///   - processorTime: nanoseconds that all vCPUs have had.
    ///   - areAsleep: whether all of them said, since they were asked last, that they sleep for good.
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

    /// Something else than an interrupt could wake them.
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
    /// Whether no interrupt wakes it. Of its own thread, between two entries.
    ///
    /// False where KVM won't say, and where the guest runs guests of its own: with those the interrupt flag is not all
    /// there is to it.
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
