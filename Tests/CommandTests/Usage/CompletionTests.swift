import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import swiftlet

/// What shells offer at their completion key, asked of the shells themselves.
@Suite struct CompletionTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        #expect(symlink(SwiftletProcess.path, "\(directory.path)/swiftlet") == 0)
        mkdir("\(directory.path)/kernels", 0o755)
        _ = try directory.file("kernels/one.elf")
        _ = try directory.file(
            "boots.toml", Array("[[boot]]\nname = 'one'\nkernel = 'kernels/one.elf'\nmatrix.cpus = [1, 2]\n".utf8))
        for shell in ["bash", "zsh", "fish"] {
            let script = try SwiftletProcess(["--generate-completion-script", shell]).wait()
            #expect(script.status == 0)
            _ = try directory.file("complete.\(shell)", Array(script.output.utf8))
        }
    }

    private func shell(_ program: String, _ script: String) throws -> [String] {
        let ended = try SwiftletProcess(
            ["-c", "cd \(path); export PATH=\"\(path):$PATH\"; \(script)"], program: program
        ).wait()
        #expect(ended.errors.isEmpty, "\(ended.errors)")
        #expect(ended.status == 0, "\(ended.errors)")
        return ended.output.split(separator: "\n").map(String.init)
    }

    /// As Bash has it: words broken at colons and equals signs, the cursor at the end. The last word is what is to be
    /// completed.
    private func bash(_ line: String) throws -> [String] {
        var words: [String] = []
        for word in line.split(separator: " ", omittingEmptySubsequences: false) {
            var part = ""
            for character in word {
                if ":=".contains(character) {
                    if !part.isEmpty { words.append(part) }
                    words.append(String(character))
                    part = ""
                } else {
                    part.append(character)
                }
            }
            if !part.isEmpty || word.isEmpty { words.append(part) }
        }
        let last = words.last ?? ""
        let typed = last == ":" || last == "=" ? "" : last
        return try shell(
            "/bin/bash",
            """
            source complete.bash
            COMP_LINE='\(line)' COMP_POINT=\(line.utf8.count)
            COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))) COMP_CWORD=\(words.count - 1)
            function=$(complete -p swiftlet | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            "$function" swiftlet '\(typed)' '\(words.dropLast().last ?? "")'
            [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
            """)
    }

    private static let devices: [String] = {
        guard let listing = opendir("/sys/bus/pci/devices") else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            // Bridges stay with the host: class 06, but for "other bridge devices".
            if name.contains(":"), let type = try? readFile("/sys/bus/pci/devices/\(name)/class"),
                !String(decoding: type, as: UTF8.self).hasPrefix("0x06")
            {
                names.append(name)
            }
        }
        return names.sorted()
    }()

    @Test func bashOffersCommandsOptionsAndChoices() throws {
        for (line, expected) in [
            ("swiftlet ru", ["run"]), ("swiftlet devices bi", ["bind"]), ("swiftlet run --on", ["--on-reset"]),
            ("swiftlet run --on-reset ", ["end", "reboot"]),
            ("swiftlet run --format=li", ["linux", "linux64", "linux32", "linux16"]),
            ("swiftlet run --exit-port-style=", ["plain", "qemu"]),
            ("swiftlet run --debug-console ", ["console", "e9", "none"]),
            ("swiftlet run --post-mortem ", ["short", "full", "off"]),
            ("swiftlet run --exit-port ", ["0xf4", "0x501", "none"]),
            ("swiftlet run --cpu qe", ["qemu64"]), ("swiftlet run kernels/o", ["kernels/one.elf"]),
            ("swiftlet run k.elf --console ", ["stdio", "quoted", "none", "file:"]),
            ("swiftlet run k.elf --console file:ker", ["kernels/"]),
            ("swiftlet run --report=junit:kernels/", ["kernels/one.elf"]),
            ("swiftlet run --report ", ["json:", "junit:", "tap:"]),
            ("swiftlet suite --report ", ["junit:", "tap:", "jsonl:"]), ("swiftlet suite ", ["boots.toml", "kernels"]),
            ("swiftlet suite boots.toml --only ", ["one[cpus=1]", "one[cpus=2]"]),
            ("swiftlet suite boots.toml --logs ", ["kernels"]),
            ("swiftlet devices bind --driver ", ["vfio-pci", "pci-stub"]), ("swiftlet lab --pci ed", ["edu"]),
            ("swiftlet run --device 0000:00:04.0,m", ["04.0,msi=signal", "04.0,msi=irqfd"]),
            ("swiftlet run --device 00:04.0,msi=irqfd,rom=", ["on", "off"]),
        ] as [(String, [String])] {
            #expect(Set(try bash(line)).subtracting(["-h", "--help"]) == Set(expected), "\(line)")
        }
        #expect(try bash("swiftlet run --").count > 20)
        #expect(try bash("swiftlet run --testdev --testd").isEmpty)
    }

    @Test(.enabled(if: !devices.isEmpty, "the host lacks PCI functions"))
    func bashOffersThisHostsFunctions() throws {
        #expect(try bash("swiftlet run --device ").sorted() == Self.devices)
        // Without what Bash holds to be typed already.
        let device = try #require(Self.devices.first)
        let parts = device.split(separator: ":")
        #expect(
            try bash("swiftlet run --device \(parts[0]):\(parts[1]):\(parts[2].dropLast())").contains(String(parts[2])))
        #expect(try bash("swiftlet devices show ").sorted() == Self.devices)
    }

    /// But for what our program is asked for: fish tells where the cursor is only to people.
    @Test func fishOffersTheSame() throws {
        func fish(_ line: String) throws -> [String] {
            try shell("/usr/bin/fish", "source complete.fish; complete -C '\(line)'").map {
                String($0.prefix { $0 != "\t" })
            }
        }
        #expect(try fish("swiftlet run --on-reset ") == ["end", "reboot"])
        #expect(try fish("swiftlet run --format li").sorted() == ["linux", "linux16", "linux32", "linux64"])
        #expect(try fish("swiftlet devices bind --driver ").sorted() == ["pci-stub", "vfio-pci"])
        #expect(try fish("swiftlet ru") == ["run"])
    }

    @Test func theirScriptsAreOfTheirLanguages() throws {
        for (program, name) in [("/bin/bash", "bash"), ("/usr/bin/zsh", "zsh"), ("/usr/bin/fish", "fish")] {
            let ended = try SwiftletProcess(["-n", "\(path)/complete.\(name)"], program: program).wait()
            #expect(ended.status == 0, "\(ended.errors)")
            #expect(ended.errors.isEmpty, "\(ended.errors)")
        }
    }

    @Test func notesGoWhereTheShellWantsThem() {
        let word = WordCompletion.Word(text: "0000:00:04.0", note: "a NIC")
        #expect(WordCompletion.offered(word, to: .zsh) == "0000\\:00\\:04.0:a NIC")
        #expect(WordCompletion.offered(word, to: .fish) == "0000:00:04.0\ta NIC")
        #expect(WordCompletion.offered(word, to: .bash) == "0000:00:04.0")
        let words = WordCompletion.deviceWords("x,msi=irqfd,").map(\.text)
        #expect(
            words.filter { !$0.contains("backend=") } == [
                "x,msi=irqfd,rom=on", "x,msi=irqfd,rom=off", "x,msi=irqfd,slot=",
            ])
        #expect(words.contains("x,msi=irqfd,backend=group"))
    }
}
