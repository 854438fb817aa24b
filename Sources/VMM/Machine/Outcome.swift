/// The way in which a run ended.
public enum Outcome: Sendable, Equatable {
    /// The guest wrote this value to the exit port.
    case exitPort(UInt32)
    /// The guest reported a panic through the panic port.
    case panic
    /// The guest powered itself off.
    case powerOff
    /// The guest reset itself; the text says by which means.
    case reset(String)
    /// A triple fault.
    case tripleFault(vcpu: UInt32)
    /// KVM could not continue a vCPU: the reason, and the vCPU's registers as lines.
    case internalError(vcpu: UInt32, reason: String, registers: [String])
    /// The time limit was reached.
    case timeout(seconds: Double)
    /// Every vCPU is halted with interrupts off, and nothing can wake one.
    case hang
    /// The guest's console output ended the run: the `ConsoleWatch` knows the reason.
    case console
    /// The user ended it at the terminal, by ^A x.
    case terminal
    /// A signal asked swiftlet to end.
    case signal(Int32)
    /// The host failed in a way that says nothing about the guest.
    case hostFailure(String)
}

extension Outcome {
    /// True if the guest stopped making progress: nothing it did ended the run.
    public var isStandstill: Bool {
        switch self {
        case .timeout, .hang: true
        default: false
        }
    }
}
