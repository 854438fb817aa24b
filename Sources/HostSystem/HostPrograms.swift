import Glibc
import LinuxSystem

/// Finds programs of this host.
public struct HostPrograms: Sendable {
    /// Directories, in order.
    public let path: [String]

    /// - Parameter path: the value of PATH; nil if it isn't set.
    public init(path: String?) {
        self.path = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
    }

    /// Returns the full path of a program, nil if it isn't installed.
    public func find(_ name: String) -> String? {
        path.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 && HostFile.status($0)?.isDirectory == false }
    }

    /// Returns the full path of a program.
    /// - Throws: `HostSystemError.missing` with its Debian package.
    public func require(_ name: String, package: String) throws(HostSystemError) -> String {
        guard let found = find(name) else { throw .missing(what: name, package: package) }
        return found
    }

    /// Returns the names of busybox's applets.
    public func applets() throws(HostSystemError) -> [String] {
        let busybox = try require("busybox", package: "busybox-static")
        do throws(SystemCallError) {
            let output = try TemporaryFile("busybox's list")
            let null = try Descriptor(opening: "/dev/null")
            let child = try ChildProcess(
                busybox, arguments: ["--list"], environment: [],
                descriptors: [null.raw, output.descriptor.raw, null.raw])
            _ = try child.wait()
            let list = try HostFile.bytes(of: output.descriptor, at: 0, count: output.size)
            return String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init)
        } catch {
            throw .system(error)
        }
    }

    /// Returns the contents of a busybox that runs without shared libraries.
    public func staticBusybox() throws(HostSystemError) -> [UInt8] {
        let package = "busybox-static"
        let file = try require("busybox", package: package)
        let contents: [UInt8]
        do { contents = try HostFile.contents(file) } catch { throw .system(error) }
        guard !ELFProbe.needsInterpreter(contents) else {
            throw .missing(what: "a static busybox (\(file) needs shared libraries)", package: package)
        }
        return contents
    }
}
