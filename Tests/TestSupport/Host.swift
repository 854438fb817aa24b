import Glibc
import HostSystem
import LinuxSystem

/// What the tests ask of the machine they run on.
public enum Host {
    public static let path = getenv("PATH").map { String(cString: $0) }

    public static func has(_ program: String) -> Bool { HostPrograms(path: path).find(program) != nil }

    /// Whether a lab can be had. In CI a missing package is to be seen, not skipped.
    public static let hasLab: Bool =
        getenv("CI") != nil || has("qemu-system-x86_64") && has("busybox") && (try? HostKernel.newest()) != nil

    /// Runs a shell command.
    public static func run(_ command: String, input: [UInt8] = []) throws -> (status: Int32, output: String) {
        let source = try TemporaryFile("input", contents: input)
        let target = try TemporaryFile("output")
        let null = try Descriptor(opening: "/dev/null")
        let child = try ChildProcess(
            "/bin/sh", arguments: ["-c", command], environment: ["PATH=\(path ?? "/usr/bin:/bin")"],
            descriptors: [source.descriptor.raw, target.descriptor.raw, null.raw])
        let termination = try child.wait()
        let output = String(
            decoding: try HostFile.bytes(of: target.descriptor, at: 0, count: target.size), as: UTF8.self)
        if case .exited(let status) = termination { return (status, output) }
        return (-1, output)
    }

    /// A directory that is removed at the end of its life.
    public final class Directory: Sendable {
        public let path: String

        public init() throws {
            var name = Array("/tmp/swiftlet-test-XXXXXX".utf8CString)
            guard mkdtemp(&name) != nil else { throw SystemCallError.last("mkdtemp") }
            path = name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }

        deinit { _ = try? Host.run("rm -rf '\(path)'") }

        public func write(_ name: String, _ contents: [UInt8]) throws {
            _ = try Host.run("mkdir -p \"$(dirname '\(path)/\(name)')\"")
            try Descriptor(opening: "\(path)/\(name)", flags: O_WRONLY | O_CREAT | O_TRUNC).write(contents: contents)
        }

        public func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

        public func read(_ name: String) -> String? {
            (try? HostFile.contents("\(path)/\(name)")).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
