/// A part of a machine whose state is a value: copied out of one machine, and put into the same part of a new machine
/// that was configured likewise.
///
/// Both happen while nothing runs: the machine that is copied is parked or has not begun, the new one has not begun.
public protocol Savable: AnyObject, Sendable {
    /// Everything that the guest can tell of the part. The host's own, such as counts for a report, is not in it.
    associatedtype State: Sendable & Equatable

    /// Copies the state out. Changes nothing that the guest or the host can see.
    func save() -> State

    /// Puts a state in. An interrupt line that is up in the state is raised in the new machine's interrupt controllers,
    /// whose own state is put in afterwards; nothing else reaches the guest.
    /// - Throws: where the state comes from a part of another kind.
    func restore(_ state: State) throws(StateError)
}

/// A part that keeps nothing of what the guest does: its answers are always the same, or somebody else's.
public protocol Stateless: Savable where State == NoState {}

extension Stateless {
    public func save() -> NoState { NoState() }
    public func restore(_ state: NoState) {}
}

/// The state of a part that has none.
public struct NoState: Sendable, Equatable {
    public init() {}
}

/// The state of a device or function, whatever its kind.
public struct DeviceState: Sendable, Equatable {
    private let value: any Sendable & Equatable

    public init(_ value: some Sendable & Equatable) { self.value = value }

    /// The state as the kind that its device has.
    /// - Parameter owner: the name of the device in a sentence.
    /// - Throws: where it is another device's.
    public func value<Value>(of owner: String, as type: Value.Type = Value.self) throws(StateError) -> Value {
        guard let value = value as? Value else { throw .differs(owner) }
        return value
    }

    public static func == (left: DeviceState, right: DeviceState) -> Bool { left.value.equals(right.value) }
}

extension Equatable {
    fileprivate func equals(_ other: Any) -> Bool { self == (other as? Self) }
}

extension Savable {
    func saved() -> DeviceState { DeviceState(save()) }

    /// - Parameter owner: the name of the device in a sentence.
    func restore(saved: DeviceState, of owner: String) throws(StateError) {
        try restore(saved.value(of: owner, as: State.self))
    }
}
