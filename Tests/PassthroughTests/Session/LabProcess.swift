import Foundation
import LinuxSystem

/// `swiftlet lab` as a child of the tests.
///
/// Foundation's `Process` has a pair of sockets for each child, which every other child that starts meanwhile would
/// inherit: here all that is opened is `O_CLOEXEC`.
enum LabProcess {
    /// Runs a lab to its end.
    /// - Parameters:
    ///   - arguments: those of `swiftlet lab`.
    ///   - directory: where it runs.
    ///   - output: a file for its standard output.
    ///   - errors: a file for its standard error; nil for the same.
    /// - Returns: its exit status; 128 + N where signal N ended it.
    static func run(_ arguments: [String], in directory: URL, output: URL, errors: URL? = nil) async throws -> Int32 {
        let child = try start(arguments, in: directory, output: output, errors: errors)
        return try await withCheckedThrowingContinuation { done in
            Foundation.Thread.detachNewThread {
                do throws(SystemCallError) {
                    switch try child.wait() {
                    case .exited(let status): done.resume(returning: status)
                    case .signaled(let signal): done.resume(returning: 128 + signal)
                    }
                } catch {
                    done.resume(throwing: error)
                }
            }
        }
    }

    private static func start(_ arguments: [String], in directory: URL, output: URL, errors: URL?) throws
        -> ChildProcess
    {
        let nothing = try Descriptor(opening: "/dev/null")
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        let outputFile = try Descriptor(opening: output.path, flags: flags)
        let errorFile = try Descriptor(opening: (errors ?? output).path, flags: flags)
        // Each lab wants two processors to itself: they wait in line, those of other test processes too.
        let lock = Package.root.appending(path: ".build/lab.lock").path
        return try ChildProcess(
            "/usr/bin/env",
            arguments: ["--chdir", directory.path, "/usr/bin/flock", lock, Package.binary, "lab"] + arguments,
            environment: ProcessInfo.processInfo.environment.map { "\($0)=\($1)" },
            descriptors: [nothing.raw, outputFile.raw, errorFile.raw])
    }
}
