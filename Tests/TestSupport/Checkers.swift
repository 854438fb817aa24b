import Glibc
public import LinuxSystem

/// Readers and checkers of formats that are not ours: what tools/checkers installs, and xmllint.
public enum Checkers {
    private static let python = "\(TestKernel.root)/.build/checkers/bin/python"

    public static let arePresent = access("\(TestKernel.root)/.build/checkers/installed.txt", R_OK) == 0
    /// The reason given for a skip. It is no lack of a host's, so CI takes the skip for a failure.
    public static let absence = "the checkers are missing: tools/setup installs them"

    /// What a program said, standard error too, and how it ended.
    public struct Answer {
        public let status: Int32
        public let text: String
    }

    /// Runs one of the installed programs, as `python -m`.
    public static func run(_ module: String, _ arguments: String...) throws -> Answer {
        try program(python, ["-m", module] + arguments)
    }

    /// Runs a few lines of Python, which find the arguments in `sys.argv[1:]`.
    public static func python(_ script: String, _ arguments: [String]) throws -> Answer {
        try program(python, ["-c", script] + arguments)
    }

    /// Holds an XML file against a schema.
    public static func xmllint(_ file: String, schema: String) throws -> Answer {
        try program("/usr/bin/xmllint", ["--noout", "--nonet", "--schema", schema, file])
    }

    private static func program(_ path: String, _ arguments: [String]) throws -> Answer {
        let directory = try TemporaryDirectory()
        let nothing = try Descriptor(opening: "/dev/null")
        let output = try Descriptor(opening: "\(directory.path)/said", flags: O_WRONLY | O_CREAT | O_APPEND)
        let child = try ChildProcess(
            path, arguments: arguments,
            environment: ["PATH=/usr/bin:/bin", "HOME=\(directory.path)", "LC_ALL=C.UTF-8"],
            descriptors: [nothing.raw, output.raw, output.raw])
        let status: Int32 =
            switch try child.wait() {
            case .exited(let status): status
            case .signaled(let signal): -signal
            }
        return Answer(status: status, text: String(decoding: try directory.contents("said"), as: UTF8.self))
    }
}
