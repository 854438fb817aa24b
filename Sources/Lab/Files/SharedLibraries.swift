import Glibc
import HostSystem
import LinuxSystem

/// The shared libraries that a program starts with, as its own dynamic linker finds them (what ldd(1) asks).
enum SharedLibraries {
    /// The paths for the program at `path`; none where the linker can't say.
    static func of(_ path: String, interpreter: String, environment: [String]) throws(SystemCallError) -> [String] {
        let output = try TemporaryFile("the list of libraries")
        let null = try Descriptor(opening: "/dev/null")
        let child = try ChildProcess(
            interpreter, arguments: ["--list", path], environment: environment,
            descriptors: [null.raw, output.descriptor.raw, null.raw])
        guard try child.wait() == .exited(0) else { return [] }
        return paths(
            inList: String(
                decoding: try HostFile.bytes(of: output.descriptor, at: 0, count: output.size), as: UTF8.self))
    }

    /// Each line reads `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)`, `NAME => not found` or, for the kernel's own, `NAME
    /// (ADDRESS)`.
    static func paths(inList list: String) -> [String] {
        list.split(separator: "\n").compactMap { line in
            let end = line.firstRange(of: " (0x")?.lowerBound ?? line.endIndex
            let start = line.firstRange(of: " => ")?.upperBound ?? line.startIndex
            guard start <= end else { return nil }
            let path = line[start..<end].drop { $0 == "\t" || $0 == " " }
            return path.hasPrefix("/") ? String(path) : nil
        }
    }
}
