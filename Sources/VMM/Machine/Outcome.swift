/// How a run ended, as the guest or the host brought it about.
public enum Outcome: Sendable, Equatable {
    /// The guest wrote this value to the exit port.
    case exitPort(UInt32)
    /// The guest said through the panic port that it panicked.
    case panic
    /// The guest powered itself off.
    case powerOff
    /// The guest reset itself; how, in words.
    case reset(String)
    /// A triple fault.
    case tripleFault(vcpu: UInt32)
    /// KVM could not go on with a vCPU: why, and the vCPU's registers, a line each.
    case internalError(vcpu: UInt32, reason: String, registers: [String])
    /// The time allowed ran out.
    case timeout(seconds: Double)
    /// Every vCPU is halted with interrupts off, and nothing is left that could wake one.
    case hang
    /// What the guest wrote to its console ended the run: whoever watches it knows what that means.
    case console
    /// The user ended it at the terminal, by ^A x.
    case terminal
    /// A signal asked swiftlet to end.
    case signal(Int32)
    /// The host failed in a way that says nothing about the guest.
    case hostFailure(String)
}

extension Outcome {
    /// Whether the guest stopped making progress: nothing it did ended the run.
    public var isStandstill: Bool {
        switch self {
        case .timeout, .hang: true
        default: false
        }
    }
}
