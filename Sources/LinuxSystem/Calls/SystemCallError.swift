import Glibc
public import SystemPackage

/// A system call the host refused: which call, on what, and its errno. Reads as one sentence.
public struct SystemCallError: Error, Equatable, CustomStringConvertible {
    /// The call or ioctl as its manual names it: `open`, `KVM_CREATE_VM`, `VFIO_GROUP_SET_CONTAINER`.
    public let call: String
    /// What the call was made on: a path, a device address, a memory slot. Empty where the call has no object.
    public let object: String
    /// What the kernel answered.
    public let errno: Errno

    public init(call: String, object: String = "", errno: Errno) {
        self.call = call
        self.object = object
        self.errno = errno
    }

    /// The error of the C call that just failed in this thread.
    public static func last(_ call: String, _ object: String = "") -> SystemCallError {
        SystemCallError(call: call, object: object, errno: Errno(rawValue: Glibc.errno))
    }

    public var description: String {
        object.isEmpty ? "\(call): \(errno)" : "\(call) on \(object): \(errno)"
    }
}
