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

/// The interface to the host's kernel: every ioctl except `KVM_RUN` goes through it, and so do `open`, and reads and
/// writes at an offset, of the same files.
///
/// The base class makes the system calls. `CallRecorder` also writes them to a file. Tests subclass it to watch calls
/// and their order, to answer in place of the kernel, or to make a call fail with an errno that the hardware at hand
/// never gives.
open class KernelInterface: @unchecked Sendable {
    // @unchecked: the base class has no state; subclasses guard theirs.

    /// The interface of the running kernel, which records nothing.
    public static let host = KernelInterface()

    public init() {}

    /// Announces a new descriptor and the object that it is open on, before any other call on it. The kernel may reuse
    /// the number of a closed descriptor.
    open func opened(_ descriptor: Int32, object: String) {}

    /// Adds a comment to the recording, such as the reason for the calls that follow. Without a recording `text` is not
    /// evaluated.
    open func comment(_ text: () -> String) {}

    /// Opens a path. Returns the descriptor, or the negated errno.
    open func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let result = ByteText.withCString(path) { cl_open($0, flags, mode) }
        return result < 0 ? -Glibc.errno : result
    }

    /// An ioctl with a structure. Returns the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32 {
        cl_ioctl(descriptor, request.number, argument.baseAddress)
    }

    /// An ioctl with a number. Returns the result, or the negated errno.
    open func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        cl_ioctl_value(descriptor, request.number, value)
    }

    /// One pread(2), which may read less than asked. Returns the number of bytes read, or the negated errno.
    open func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let result = pread(descriptor, buffer.baseAddress, buffer.count, off_t(bitPattern: UInt(offset)))
        return result < 0 ? -Int(Glibc.errno) : result
    }

    /// One pwrite(2), which may write less than asked. Returns the number of bytes written, or the negated errno.
    open func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let result = pwrite(descriptor, buffer.baseAddress, buffer.count, off_t(bitPattern: UInt(offset)))
        return result < 0 ? -Int(Glibc.errno) : result
    }
}
