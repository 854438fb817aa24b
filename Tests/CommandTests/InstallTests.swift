import Glibc
import TestSupport
import Testing

/// `make install`, into a folder of its own.
@Suite struct InstallTests {
    @Test func everythingIsInItsPlace() throws {
        let directory = try TemporaryDirectory()
        let made = try SwiftletProcess(
            ["-C", TestKernel.root, "install", "SWIFTLET_BINARY=\(SwiftletProcess.path)", "DESTDIR=\(directory.path)", "PREFIX=/usr"], program: "/usr/bin/make"
        ).wait()
        #expect(made.status == 0, "\(made.errors)")
        let usr = "\(directory.path)/usr"
        let installed = "\(usr)/bin/swiftlet"
        #expect(access(installed, X_OK) == 0)
        // The program works where it is, and its manual and completions are those that it makes.
        let help = try SwiftletProcess(["--help"], program: installed).wait()
        #expect(help.status == 0 && help.output.contains("Examples:"))
        for (shell, file) in [
            ("bash", "bash-completion/completions/swiftlet"), ("zsh", "zsh/site-functions/_swiftlet"), ("fish", "fish/vendor_completions.d/swiftlet.fish"),
        ] {
            let script = try SwiftletProcess(["--generate-completion-script", shell]).wait().output
            #expect(String(decoding: try readFile("\(usr)/share/\(file)"), as: UTF8.self) == script && script.contains("swiftlet"))
        }
        for page in ["swiftlet", "swiftlet-run", "swiftlet-suite", "swiftlet-devices", "swiftlet-lab"] {
            let shown = try SwiftletProcess(["-T", "ascii", "\(usr)/share/man/man1/\(page).1"], program: "/usr/bin/mandoc").wait()
            #expect(shown.status == 0 && shown.output.contains(page.uppercased() + "(1)"))
        }
        let missing = try SwiftletProcess(["-C", TestKernel.root, "install", "SWIFTLET_BINARY=/none", "DESTDIR=\(directory.path)"], program: "/usr/bin/make")
            .wait()
        #expect(missing.status != 0 && missing.errors.contains("run make build first"))
    }
}
