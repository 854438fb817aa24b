import Bytes
import CLinux
import Glibc

/// An ioctl: its number, and its name for error sentences and recordings.
public struct IoctlRequest: Sendable {
    public let number: UInt
    public let name: StaticString

    public init(_ number: UInt, _ name: StaticString) {
        self.number = number
        self.name = name
    }
}

/// The one door through which every ioctl goes, `KVM_RUN` alone excepted, and with them what else is asked of the same
/// descriptors: opening them by a path, reads and writes at an offset.
///
/// The base class asks the kernel. `CallRecorder` writes down what passes. Tests subclass it to watch calls and their
/// order, to answer in the kernel's place, or to make a call fail with an errno that the hardware at hand would never
/// give.
open class IoctlDoor: @unchecked Sendable {
    // @unchecked: the base class has no state; subclasses guard theirs.

    /// The door that leads straight to the running kernel.
    public static let kernel = IoctlDoor()

    public init() {}

    /// Says what a descriptor is open on, once for each, before any other call on it. A number that was closed may come
    /// again.
    open func opened(_ descriptor: Int32, object: String) {}

    /// Says why the calls that follow are made, where somebody writes them down; the words are not made otherwise.
    open func note(_ words: () -> String) {}

    /// Opens a path. Answers the descriptor, or the negated errno.
    open func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let result = ByteText.withCString(path) { cl_open($0, flags, mode) }
        return result < 0 ? -Glibc.errno : result
    }

    /// An ioctl with a structure. Answers the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32 {
        cl_ioctl(descriptor, request.number, argument.baseAddress)
    }

    /// An ioctl with a number. Answers the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        cl_ioctl_value(descriptor, request.number, value)
    }

    /// One pread(2), which may read less than asked. Answers the bytes read, or the negated errno.
    open func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let result = pread(descriptor, buffer.baseAddress, buffer.count, off_t(bitPattern: UInt(offset)))
        return result < 0 ? -Int(Glibc.errno) : result
    }

    /// One pwrite(2), which may write less than asked. Answers the bytes written, or the negated errno.
    open func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let result = pwrite(descriptor, buffer.baseAddress, buffer.count, off_t(bitPattern: UInt(offset)))
        return result < 0 ? -Int(Glibc.errno) : result
    }
}
