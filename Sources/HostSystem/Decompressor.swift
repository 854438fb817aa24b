import Glibc
public import LinuxSystem

/// Unpacks bytes with the host's own programs.
public struct Decompressor: Sendable {
    public let programs: HostPrograms

    public init(programs: HostPrograms) { self.programs = programs }

    /// Unpacks `packed` into the open file `target`.
    /// - Returns: true if the program reported success.
    public func unpack(
        _ packed: [UInt8], _ compression: BzImage.Compression, program: String, into target: borrowing Descriptor
    ) throws(SystemCallError) -> Bool {
        let source = try TemporaryFile("compressed", contents: packed)
        let null = try Descriptor(opening: "/dev/null")
        let child = try ChildProcess(
            program, arguments: compression.program.arguments, environment: [],
            descriptors: [source.descriptor.raw, target.raw, null.raw])
        return try child.wait() == .exited(0)
    }

    /// Unpacks `packed` into memory.
    /// - Throws: `HostSystemError.missing` if the program isn't installed.
    public func unpack(_ packed: [UInt8], _ compression: BzImage.Compression, object: String) throws(HostSystemError)
        -> [UInt8]
    {
        let (name, _, package) = compression.program
        let program = try programs.require(name, package: package)
        do throws(SystemCallError) {
            let target = try TemporaryFile("unpacked")
            guard try unpack(packed, compression, program: program, into: target.descriptor) else {
                throw SystemCallError(call: name, object: object, errno: .init(rawValue: EILSEQ))
            }
            return try HostFile.bytes(of: target.descriptor, at: 0, count: target.size)
        } catch {
            throw .system(error)
        }
    }
}
