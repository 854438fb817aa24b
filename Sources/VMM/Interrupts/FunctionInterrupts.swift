import KVM

/// What an emulated function raises its interrupts through: its slot's line, and the machine that takes its messages.
public struct FunctionInterrupts: Sendable {
    let vm: VirtualMachine
    let routes: MessageRoutes
    /// The line that the function's pin is wired to; nil where it has no pin.
    let line: InterruptLine?
    /// Told, as a sentence, where the host can't deliver what the function raises: the run can't go on then.
    let onFailure: @Sendable (String) -> Void
}
