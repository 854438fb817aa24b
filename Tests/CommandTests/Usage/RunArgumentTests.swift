import TestSupport
import Testing

/// What `swiftlet` says to arguments alone: nothing of the host is asked.
@Suite struct RunArgumentTests {
    @Test(
        arguments: [
            ["--memory", "12X"], ["--memory", ""], ["--memory", "-1M"], ["--memory", "9999999999999G"],
            ["--cpus", "-1"], ["--cpus", "many"],
            ["--timeout", "0"], ["--timeout", "soon"],
            ["--timeout", "nan"], ["--console", "file:"], ["--console", "screen"], ["--report", "xml:x"],
            ["--report", "json:"], ["--format", "exe"],
            ["--device", "nonsense"], ["--device", "00:04.0,slot=32"], ["--device", "00:04.0,msi=maybe"],
            ["--device", "00:04.0,backend=magic"],
            ["--expect", ""], ["--expect", "a)"], ["--expect", "x*"], ["--fail-on", "[z-a]"], ["--send", "login"],
            ["--send", "a=\\q"],
            ["--until", "soon"], ["--device", ""], ["--no-such-option"], ["--memory"], ["another.elf"],
        ])
    func argumentsThatCantBeMeant(arguments: [String]) throws {
        let ended = try SwiftletProcess(["run", "kernel.elf"] + arguments).wait()
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(!ended.errors.isEmpty)
        #expect(ended.output.isEmpty)
        if arguments.count == 2, arguments[0].hasPrefix("--") {
            #expect(ended.errors.contains(arguments[0]), "names the option: \(ended.errors)")
        }
    }

    /// The place in the expression is told, and why: before anything is built, the kernel being none.
    @Test(
        arguments: [
            ("--expect", "ab)", "character 3: this ) closes nothing"),
            ("--fail-on", "x[z-a]", "character 3: the range ends before it begins"),
            ("--send", "a(=b", "character 2: this ( is never closed"),
            ("--send", "ab=\\q", "character 4: the escape \\q"),
            ("--expect", "(?=x)", "character 1: looking around"),
        ] as [(String, String, String)])
    func aBadExpressionIsExplained(option: String, text: String, words: String) throws {
        let ended = try SwiftletProcess(["run", "/nonexistent", option, text]).wait()
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.errors.contains(option), "\(ended.errors)")
        #expect(ended.errors.contains(words), "\(ended.errors)")
    }

    /// What isn't there is told with what is: kernels have versions behind their names.
    @Test func aMissingKernelNamesThoseThatAreThere() throws {
        let directory = try TemporaryDirectory()
        let kernels = ["vmlinuz-6.1.0-1-amd64", "vmlinuz-6.1.0-2-amd64", "hello.elf"]
        for name in kernels { _ = try directory.file(name) }
        let path = directory.path
        let versions = try SwiftletProcess.run("run", "\(path)/vmlinuz")
        #expect(versions.status == 66)
        #expect(
            versions.lastLine.hasSuffix("; there are \(path)/\(kernels[0]), \(path)/\(kernels[1])"),
            "\(versions.errors)")
        let slip = try SwiftletProcess.run("run", "\(path)/helo.elf")
        #expect(slip.status == 66, "\(slip.errors)")
        #expect(slip.lastLine.hasSuffix("; did you mean \(path)/hello.elf?"), "\(slip.errors)")
        let none = try SwiftletProcess.run("run", "\(path)/bzImage")
        #expect(none.status == 66, "\(none.errors)")
        #expect(none.lastLine.hasSuffix("bzImage: there is no such file"), "\(none.errors)")
    }

    @Test(arguments: [["run"], ["nonsense"], ["run", "--memory", "64M"]])
    func noKernel(arguments: [String]) throws {
        let ended = try SwiftletProcess(arguments).wait()
        #expect(ended.status == 64)
        #expect(!ended.errors.isEmpty)
    }

    @Test(arguments: [["--help"], ["run", "--help"], ["help", "run"]])
    func helpIsGiven(arguments: [String]) throws {
        let ended = try SwiftletProcess(arguments).wait()
        #expect(ended.status == 0)
        #expect(ended.output.contains("USAGE: swiftlet"))
        if arguments != ["--help"] {
            #expect(ended.output.contains("Examples:"))
            #expect(ended.output.contains("swiftlet run"))
            #expect(ended.output.contains("Exit status:"))
        }
    }
}
