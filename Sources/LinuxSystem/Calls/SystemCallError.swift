import Glibc
public import SystemPackage

/// A failed system call: its name, its object and its errno. Reads as one sentence.
public struct SystemCallError: Error, Equatable, CustomStringConvertible {
    /// The call or ioctl as its manual names it: `open`, `KVM_CREATE_VM`, `VFIO_GROUP_SET_CONTAINER`.
    public let call: String
    /// The object of the call: a path, a device address, a memory slot. Empty if the call has none.
    public let object: String
    /// The kernel's error number.
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
