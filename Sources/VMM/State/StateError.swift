public import KVM

/// The reason why a machine's state can't be copied, or put into another machine.
public enum StateError: Error, CustomStringConvertible {
    /// The named part of the machine has a state of its own that nobody else can read, as a passed-through device.
    case notSavable(String)
    /// The named part comes from a machine that was configured otherwise.
    case differs(String)
    /// The machine runs, or has run where it must be new.
    case running
    case kvm(KVMError)

    public var description: String {
        switch self {
        case .notSavable(let part): "\(part) has a state that can't be copied: leave it out of the machine"
        case .differs(let part): "the state of \(part) is from another machine: configure both alike"
        case .running: "the machine runs: park it before its state is copied, and put a state only into a new one"
        case .kvm(let error): "\(error)"
        }
    }
}
