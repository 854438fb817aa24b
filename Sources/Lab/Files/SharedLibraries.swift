import Glibc
import HostSystem
import LinuxSystem

/// The shared libraries that a program loads at its start, found by its own dynamic linker (as ldd(1) does).
enum SharedLibraries {
    /// Returns the paths for the program at `path`; none if the linker fails.
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

    /// Parses lines of the form `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)`, `NAME => not found` or, for the kernel's
    /// own, `NAME (ADDRESS)`.
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
