import Glibc
import SystemPackage

/// Owns one file descriptor and closes it at the end of its life.
///
/// Every ioctl of swiftlet goes through a descriptor. The descriptor passes its ioctls, reads and writes to its
/// `KernelInterface`, so that they can be recorded, and a test can watch them, answer them or make them fail.
/// Descriptors that an ioctl creates inherit the interface.
public struct Descriptor: ~Copyable, Sendable {
    /// The number, valid while this value lives. For calls that take a descriptor inside a structure.
    public let raw: Int32
    /// The name of the object that it is open on, for error messages.
    public let object: String
    /// The interface that its calls go through.
    public let kernel: KernelInterface

    /// The flag of `open` for reading and writing: O_RDWR.
    public static let readWrite: Int32 = O_RDWR

    /// Takes over an open descriptor.
    public init(owning raw: Int32, object: String, kernel: KernelInterface = .host) {
        self.raw = raw
        self.object = object
        self.kernel = kernel
        kernel.opened(raw, object: object)
    }

    /// Opens a path. The corresponding C function is `open`; `O_CLOEXEC` is always set. Waits for a FIFO's other end
    /// until the process is to end.
    public init(
        opening path: String, flags: Int32 = Descriptor.readWrite, mode: UInt32 = 0o644, kernel: KernelInterface = .host
    )
        throws(SystemCallError)
    {
        let result = Int32(
            truncatingIfNeeded: BlockingCall.make(.opening, path) {
                Int(kernel.open(path, flags: flags | O_CLOEXEC, mode: mode))
            })
        guard result >= 0 else { throw SystemCallError(call: "open", object: path, errno: Errno(rawValue: -result)) }
        self.init(owning: result, object: path, kernel: kernel)
    }

    deinit { close(raw) }

    /// Makes an ioctl whose argument is a plain number.
    /// - Returns: the kernel's answer, zero or more.
    @discardableResult
    public func ioctl(_ request: IoctlRequest, value: UInt = 0) throws(SystemCallError) -> Int32 {
        try check(request, kernel.call(raw, request, value: value))
    }

    /// Makes an ioctl whose argument is a plain number, again for as long as a signal interrupts it.
    public func ioctl(retryingOnInterrupt request: IoctlRequest, value: UInt = 0) throws(SystemCallError) -> Int32 {
        var answer: Int32
        repeat { answer = kernel.call(raw, request, value: value) } while answer == -EINTR
        return try check(request, answer)
    }

    /// Makes an ioctl whose argument is a structure that the kernel reads, and may write.
    /// - Returns: the kernel's answer, zero or more.
    @discardableResult
    public func ioctl<Argument: BitwiseCopyable>(
        _ request: IoctlRequest, _ argument: inout Argument
    ) throws(SystemCallError) -> Int32 {
        let answer = withUnsafeMutableBytes(of: &argument) { kernel.call(raw, request, $0) }
        return try check(request, answer)
    }

    /// Makes an ioctl whose argument is a structure with a variable tail.
    @discardableResult
    public func ioctl(_ request: IoctlRequest, bytes: inout [UInt8]) throws(SystemCallError) -> Int32 {
        let answer = bytes.withUnsafeMutableBytes { kernel.call(raw, request, $0) }
        return try check(request, answer)
    }

    private func check(_ request: IoctlRequest, _ answer: Int32) throws(SystemCallError) -> Int32 {
        guard answer >= 0 else {
            throw SystemCallError(call: "\(request.name)", object: object, errno: Errno(rawValue: -answer))
        }
        return answer
    }

    /// Reads exactly `buffer.count` bytes at `offset`. The corresponding C function is `pread`.
    /// - Throws: the call's error, or `EIO` where the file ends first.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError) {
        try transfer("pread", buffer.count) { done in
            kernel.read(raw, UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: offset &+ UInt64(done))
        }
    }

    /// Reads exactly `count` bytes at `offset`.
    public func read(count: Int, at offset: UInt64) throws(SystemCallError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // The array's own initializer rethrows no typed error.
        var failure: SystemCallError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(SystemCallError) { try read(into: buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `buffer` at `offset`. The corresponding C function is `pwrite`.
    public func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) {
        try transfer("pwrite", buffer.count) { done in
            kernel.write(raw, UnsafeRawBufferPointer(rebasing: buffer[done...]), at: offset &+ UInt64(done))
        }
    }

    /// Reads a device's register: little-endian, as the bus is.
    /// - Parameter width: 1...8 bytes.
    public func readRegister(at offset: UInt64, width: Int) throws(SystemCallError) -> UInt64 {
        var value: UInt64 = 0
        try withUnsafeMutableBytes(of: &value) { bytes throws(SystemCallError) in
            try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<min(max(width, 0), 8)]), at: offset)
        }
        return UInt64(littleEndian: value)
    }

    /// Writes a device's register: the low `width` bytes of the value.
    public func writeRegister(_ value: UInt64, at offset: UInt64, width: Int) throws(SystemCallError) {
        try withUnsafeBytes(of: value.littleEndian) { bytes throws(SystemCallError) in
            try write(UnsafeRawBufferPointer(rebasing: bytes[..<min(max(width, 0), 8)]), at: offset)
        }
    }

    private func transfer(_ call: String, _ count: Int, _ step: (Int) -> Int) throws(SystemCallError) {
        var done = 0
        while done < count {
            let now = step(done)
            if now == -Int(EINTR) { continue }
            guard now > 0 else {
                throw SystemCallError(
                    call: call, object: object, errno: Errno(rawValue: now < 0 ? Int32(truncatingIfNeeded: -now) : EIO))
            }
            done += now
        }
    }
}
