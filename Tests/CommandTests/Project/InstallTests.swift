import Glibc
import TestSupport
import Testing

/// `make install`, into a folder of its own.
@Suite struct InstallTests {
    @Test func everythingIsInItsPlace() throws {
        let directory = try TemporaryDirectory()
        let made = try SwiftletProcess(
            [
                "-C", TestKernel.root, "install", "SWIFTLET_BINARY=\(SwiftletProcess.path)",
                "DESTDIR=\(directory.path)", "PREFIX=/usr",
            ], program: "/usr/bin/make"
        ).wait()
        #expect(made.status == 0, "\(made.errors)")
        let usr = "\(directory.path)/usr"
        let installed = "\(usr)/bin/swiftlet"
        #expect(access(installed, X_OK) == 0)
        // It is stripped, and its debug information lies beside it, where debuggers look for it.
        let (program, debug) = (try sections(installed), try sections("\(installed).debug"))
        #expect(program.contains(".gnu_debuglink"))
        #expect(!program.contains(".symtab"))
        #expect(!program.contains(".debug_info"))
        #expect(debug.contains(".symtab"))
        #expect(access("\(installed).debug", X_OK) != 0 || getuid() == 0)
        // The program works where it is, and its manual and completions are those that it makes.
        let help = try SwiftletProcess(["--help"], program: installed).wait()
        #expect(help.status == 0)
        #expect(help.output.contains("Examples:"))
        for (shell, file) in [
            ("bash", "bash-completion/completions/swiftlet"), ("zsh", "zsh/site-functions/_swiftlet"),
            ("fish", "fish/vendor_completions.d/swiftlet.fish"),
        ] {
            let script = try SwiftletProcess(["--generate-completion-script", shell]).wait().output
            #expect(String(decoding: try readFile("\(usr)/share/\(file)"), as: UTF8.self) == script)
            #expect(script.contains("swiftlet"))
        }
        for page in ["swiftlet", "swiftlet-run", "swiftlet-suite", "swiftlet-devices", "swiftlet-lab"] {
            let shown = try SwiftletProcess(
                ["-T", "ascii", "\(usr)/share/man/man1/\(page).1"], program: "/usr/bin/mandoc"
            ).wait()
            #expect(shown.status == 0)
            #expect(shown.output.contains(page.uppercased() + "(1)"))
        }
        let missing = try SwiftletProcess(
            ["-C", TestKernel.root, "install", "SWIFTLET_BINARY=/none", "DESTDIR=\(directory.path)"],
            program: "/usr/bin/make"
        )
        .wait()
        #expect(missing.status != 0)
        #expect(missing.errors.contains("run make build first"))
    }

    private func sections(_ file: String) throws -> String {
        try SwiftletProcess(["--sections", "--wide", file], program: "/usr/bin/readelf").wait().output
    }

    /// A version is found in the repository, in an archive of it, and is said to be unknown elsewhere; it is written
    /// once.
    @Test func theVersionIsThatOfTheTree() throws {
        let directory = try TemporaryDirectory()
        let line = """
            set -e; cd '\(directory.path)'; mkdir -p git/tools git/Sources/CVersion
            cp '\(TestKernel.root)/tools/version' git/tools; cd git
            touch Sources/CVersion/version.c; tools/version; git init -q
            echo '/tools/version export-subst' > .gitattributes; git add .
            git -c user.name=a -c user.email=a@b commit -qm a; git tag v1.2; tools/version
            echo x > .gitattributes; tools/version; git checkout -q .
            tools/version --write; touch -d @1 Sources/CVersion/version.c
            tools/version --write; stat -c %Y Sources/CVersion/version.c
            cat Sources/CVersion/built-version.h; mkdir ../tar; git archive HEAD | tar x -C ../tar; ../tar/tools/version
            """
        let ended = try SwiftletProcess(["-c", line], program: "/bin/bash").wait()
        #expect(
            ended.output.split(separator: "\n") == [
                "unknown (built from files without git)", "v1.2", "v1.2-dirty", "1", "#define BUILT_VERSION \"v1.2\"",
                "v1.2",
            ], "\(ended.output)\(ended.errors)")
        let said = try SwiftletProcess(["--version"]).wait()
        #expect(said.status == 0)
        #expect(said.output.hasPrefix("swiftlet "))
        #expect(said.output.split(separator: "\n").count == 1)
    }
}
