/// The activity of a processor, by the numbers of KVM_GET_MP_STATE: api.rst 4.38.
public enum ProcessorActivity: UInt32, Sendable {
    case runnable = 0
    /// Waits for INIT.
    case uninitialized = 1
    /// Has received INIT and waits for SIPI.
    case initReceived = 2
    case halted = 3
    case sipiReceived = 4
}
