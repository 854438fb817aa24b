import KVM

/// An event recorded by its thread: only numbers, which another thread formats.
struct TraceEntry: BitwiseCopyable {
    enum Event: UInt8 {
        /// A vCPU's thread is about to enter its guest for the first time.
        case start
        /// A vCPU left its guest and was served.
        case exit
        /// A line of the guest's interrupt controllers went up or down.
        case line
        /// A message was delivered to the guest.
        case message
    }

    var event = Event.start
    /// A `VCPUExit.Kind`.
    var kind: UInt8 = 0
    var width: UInt8 = 0
    /// For an exit: 1 if it is a configuration access through ECAM; for a line: its level; for a message: its delivery.
    var answer: UInt8 = 0
    /// For an exit: the elements of a string instruction; for a message: the number of its sender.
    var count: UInt32 = 0
    /// Nanoseconds of `MonotonicClock`: when KVM_RUN was called, when it returned, and when the exit had been served.
    var entered: UInt64 = 0
    var left: UInt64 = 0
    var served: UInt64 = 0
    /// Port, guest address, GSI or a message's address.
    var address: UInt64 = 0
    /// The value read or written; a message's data.
    var value: UInt64 = 0
    /// Nanoseconds between `entered` and `left` in which the vCPU's thread slept, and in which it waited for a
    /// processor.
    var halted: UInt64 = 0
    var waited: UInt64 = 0
    /// The offset in the BAR that answered.
    var offset: UInt64 = 0
    /// The latched address of configuration mechanism 1.
    var latch: UInt32 = 0
    /// The slot and the number of the BAR that answered: `slot << 8 | number`; 0 for none.
    var bar: UInt16 = 0
}
