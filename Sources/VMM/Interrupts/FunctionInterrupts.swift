import KVM

/// The means by which an emulated function raises interrupts: its slot's line, and the machine that receives its
/// messages.
public struct FunctionInterrupts: Sendable {
    let vm: VirtualMachine
    let routes: MessageRoutes
    /// The line that the function's pin is wired to; nil if it has no pin.
    let line: InterruptLine?
    /// Called with a sentence if the host can't deliver an interrupt: the run can't continue then.
    let onFailure: @Sendable (String) -> Void
}
