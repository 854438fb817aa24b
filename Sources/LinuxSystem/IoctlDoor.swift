import CLinux

/// An ioctl: its number, and its name for error sentences and recordings.
public struct IoctlRequest: Sendable {
    public let number: UInt
    public let name: StaticString

    public init(_ number: UInt, _ name: StaticString) {
        self.number = number
        self.name = name
    }
}

/// The one door through which every ioctl goes, `KVM_RUN` alone excepted.
///
/// The base class asks the kernel. Tests subclass it to watch calls and their order, to answer in the kernel's place, or to
/// make a call fail with an errno that the hardware at hand would never give.
open class IoctlDoor: @unchecked Sendable {
    // @unchecked: the base class has no state; subclasses guard theirs.

    /// The door that leads straight to the running kernel.
    public static let kernel = IoctlDoor()

    public init() {}

    /// An ioctl with a structure. Answers the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32 {
        cl_ioctl(descriptor, request.number, argument.baseAddress)
    }

    /// An ioctl with a number. Answers the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        cl_ioctl_value(descriptor, request.number, value)
    }
}
