import Testing

@testable import swiftlet

/// What a command line asks for, or the sentence about it: status 0 without a run is for what asks for it alone.
@Suite struct CommandLineCheckTests {
    private static let program = Result { try CommandHelp.ofProgram() }

    private func sentence(_ words: [String]) throws -> String {
        let check = CommandLineCheck(of: try Self.program.get())
        do throws(UsageError) {
            let request = try check.request(words)
            return "no error: \(request)"
        } catch {
            return error.sentence
        }
    }

    @Test(
        arguments: [
            (["-h"], .help([])), (["--help"], .help([])), (["help"], .help([])), (["run", "-h"], .help(["run"])),
            (["help", "run"], .help(["run"])),
            (["devices", "bind", "--help"], .help(["devices", "bind"])),
            (["help", "devices", "bind"], .help(["devices", "bind"])),
            (["--version"], .version), (["lab", "--version"], .version),
            (["--generate-completion-script", "fish"], .completionScript("fish")),
            (["--generate-completion-script=bash"], .completionScript("bash")),
            (["---completion", "run", "--"], .completions),
            (["devices"], .command), (["run", "k"], .command), (["run", "--", "-h"], .command),
            (["lab", "--bind", "--", "x", "-h"], .command),
            (["lab", "--bind", "pci-stub", "--", "x"], .command), (["run", "k", "--append=-h"], .command),
            (["run", "-"], .command),
            (["devices", "bind", "00:04.0", "00:05.0"], .command),
            (["suite", "x.toml", "--only", "a", "--only", "b"], .command),
        ] as [([String], CommandLineCheck.Request)])
    func whatIsAskedFor(words: [String], request: CommandLineCheck.Request) throws {
        #expect(try CommandLineCheck(of: Self.program.get()).request(words) == request)
    }

    /// Every place where an option may stand, and every word that could be taken for a request for help.
    @Test func helpBesideOtherWordsIsNone() throws {
        for word in [
            "-h", "--help", "--version", "-hx", "-nographic", "-hugepages", "-help", "--help-hidden",
            "--experimental-dump-help", "--hel",
        ] {
            for words in [
                ["run", "k", word], ["run", word, "k"], ["run", "k", "--append", word],
                ["run", "k", "--memory", "1G", word], [word, "run", "k"],
                ["suite", word, "x.toml"], ["suite", "x.toml", word], ["lab", word, "--", "true"],
                ["devices", "bind", "00:04.0", word],
                ["devices", word, "list"], ["manual", ".", word],
            ] {
                #expect(try !sentence(words).hasPrefix("no error"), "\(words)")
            }
        }
        for words in [
            ["help", "help"], ["help", "run", "k"], ["help", "none"], ["help", "-h"], ["--generate-completion-script"],
            ["--generate-completion-script", "tcsh"], ["--generate-completion-script", "bash", "run"],
            ["run", "k", "--generate-completion-script", "bash"],
            ["--generate-completion-script=bash", "run", "k"], ["--experimental-dump-help"], [], [""], ["--"],
            ["--", "run", "k"], ["-"], ["h"],
        ] {
            #expect(try !sentence(words).hasPrefix("no error"), "\(words)")
        }
    }

    @Test(
        arguments: [
            ("run k -hugepages", "swiftlet run has no option -hugepages: did you mean --hugepages?"),
            ("run k -append x", "swiftlet run has no option -append: did you mean --append?"),
            ("run k -smp 2", "swiftlet run has no option -smp: the number of vCPUs is --cpus"),
            (
                "run k -nographic",
                "swiftlet run has no option -nographic: leave it out: the console is standard output anyway"
            ),
            ("run k --mem=1G", "swiftlet run has no option --mem: did you mean --memory?"),
            ("run k --tiemout 1s", "swiftlet run has no option --tiemout: did you mean --timeout?"),
            ("suite x.toml --job 2", "swiftlet suite has no option --job: did you mean --jobs?"),
            ("rnu k", "swiftlet has no command 'rnu'; did you mean 'swiftlet run'?"),
            ("devices bnid 00:04.0", "swiftlet devices has no command 'bnid'; did you mean 'swiftlet devices bind'?"),
            ("run k append", "'append' is one word too many: did you mean --append?"),
            ("run k k2", "'k2' is one word too many, there is a kernel already"),
            ("run k --testdev=1", "--testdev takes no value"),
            (
                "run k --append -v",
                "--append needs a value after it; one that begins with a dash is written --append=-v"
            ),
            ("run k --append", "--append needs a value after it"),
            ("lab ls", "'ls' is not expected here; the command comes after --"),
            ("devices doctor", "the address is missing; see 'swiftlet devices doctor --help'"),
            (
                "run k --format=linx",
                """
                --format does not take 'linx': did you mean linux? (the choices are pvh, multiboot, linux, \
                linux64, linux32, linux16, disk, flat)
                """
            ),
            ("run k --report jsn:x", "--report does not take 'jsn:x': 'jsn' is no format here; did you mean json:x?"),
            (
                "run k --report json",
                "--report does not take 'json': write FORMAT:PATH; the formats are json, junit, tap"
            ),
            ("run k --report json:", "--report does not take 'json:': there is no path after json:"),
            ("run k --console file:", "--console does not take 'file:': there is no path after file:"),
            ("run k --memory 512", "--memory does not take '512': that is 512 bytes; did you mean 512M?"),
            ("run k --memory 0", "--memory does not take '0': the least is 1M"),
            (
                "run k --memory 1Q",
                "--memory does not take '1Q': a size is a whole number and K, M, G or T, as 256M or 2G"
            ),
            ("run k --memory 99999999T", "--memory does not take '99999999T': that is more than a machine can have"),
            ("lab --memory 512 -- x", "--memory does not take '512': that is 512 bytes; did you mean 512M?"),
            ("run k --cpus 0", "--cpus does not take '0': the least is 1"),
            ("run k --cpus 2x", "--cpus does not take '2x': this is not a whole number"),
            ("run k --timeout 5x", "--timeout does not take '5x': a time is a number and ms, s, m or h, as 60s or 2m"),
            (
                "run k --timeout 0",
                "--timeout does not take '0': a time is more than nothing; without the option there is no limit"
            ),
            ("run k --initrd=", "--initrd does not take '': the value is empty; is a variable not set?"),
        ])
    func theSentenceSaysWhatToDo(line: String, expected: String) throws {
        #expect(try sentence(line.split(separator: " ").map(String.init)) == expected)
    }

    @Test(
        arguments: [
            (
                "4",
                "'4' is not a PCI address: it is written 0000:00:04.0 or 00:04.0 (swiftlet devices lists this host's)"
            ),
            ("00:04.0,", "there is nothing after a comma"),
            ("00:04.0,msi", "'msi' is no field: write NAME=VALUE; did you mean msi?"),
            ("00:04.0,mis=irqfd", "there is no field 'mis'; did you mean msi?"),
            ("00:04.0,foo=1", "there is no field 'foo'; there are backend, msi, slot, rom"),
            ("00:04.0,slot=32", "slot takes 1 to 31, not '32'"), ("00:04.0,slot=", "slot takes 1 to 31, not ''"),
            ("00:04.0,msi=maybe", "msi takes auto, signal or irqfd, not 'maybe'"),
            ("00:04.0,rom=yes", "rom takes on or off, not 'yes'"),
            ("00:04.0,backend=vfio", "backend takes auto, group or kvm, not 'vfio'"),
            ("00:04.0,slot=3,slot=4", "the field slot is given twice: give it once"),
        ])
    func eachFieldOfADeviceHasItsSentence(text: String, reason: String) throws {
        #expect(try sentence(["run", "k", "--device", text]) == "--device does not take '\(text)': \(reason)")
    }

    /// Every option of every command that is no list, by each of its names and both ways to give a value.
    @Test func whatIsGivenTwiceIsNamed() throws {
        var count = 0
        func visit(_ command: CommandHelp) throws {
            for argument in command.arguments ?? [] where argument.kind != "positional" && !argument.isRepeating {
                if argument.valueName == "help" || argument.valueName == "version" { continue }
                let value =
                    argument.kind == "flag" ? nil : argument.allValues?.first ?? Self.value(argument.valueName ?? "")
                let names = (argument.names ?? []).map(\.text)
                let name = try #require(names.first { $0.hasPrefix("--") })
                let forms = names.flatMap { name in value.map { [[name, $0], ["\(name)=\($0)"]] } ?? [[name]] }
                for first in forms {
                    for second in forms {
                        let words = command.line.split(separator: " ").dropFirst().map(String.init) + first + second
                        #expect(try sentence(words).hasPrefix("\(name) is given twice"), "\(words)")
                        // The plain reader leaves it to this.
                        if command.commandName == "run" {
                            #expect(RunRequest(plain: (["k"] + first + second)[...]) == nil, "\(words)")
                        }
                        count += 1
                    }
                }
            }
            for below in command.subcommands ?? [] { try visit(below) }
        }
        try visit(Self.program.get())
        #expect(count > 80)
    }

    /// One that the option takes.
    private static func value(_ name: String) -> String {
        switch name {
        case "memory", "size": "64M"
        case "cpus", "jobs", "n": "2"
        case "timeout": "5s"
        case "console": "none"
        case "model": "host"
        case "port": "0x501"
        default: "x"
        }
    }

    /// The check stands before the parser and lets through what it takes.
    @Test func listsAreLeftAlone() throws {
        let line = [
            "run", "k", "--append", "a", "--append", "b", "--initrd", "x", "--initrd", "y", "--report", "json:a",
            "--report", "tap:b",
        ]
        #expect(try sentence(line) == "no error: command")
        #expect(
            try sentence(["lab", "--nic", "e1000", "--nic", "e1000", "--env", "A=1", "--env", "B", "--", "x"])
                == "no error: command")
    }
}
