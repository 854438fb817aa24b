import Glibc
import LinuxSystem

/// Unpacks bytes with the host's own programs.
struct Decompressor: Sendable {
    let programs: HostPrograms

    /// Unpacks `packed` into the open file `target`.
    /// - Returns: whether the program said that all went well.
    func unpack(
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
    /// - Throws: `LabError.missing` where the program isn't installed.
    func unpack(_ packed: [UInt8], _ compression: BzImage.Compression, object: String) throws(LabError) -> [UInt8] {
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
