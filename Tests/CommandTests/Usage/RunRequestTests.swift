import ArgumentParser
import Testing
import VMM

@testable import swiftlet

/// `run` reads plain arguments without the argument parser. What it reads must be what the parser would have read.
struct RunRequestTests {
    private func plain(_ arguments: [String]) -> RunRequest? { RunRequest(plain: arguments[...]) }

    @Test(
        arguments: [
            ["k.elf"],
            ["k.elf", "--memory", "64M", "--cpus", "3"],
            ["--memory=2G", "k.elf", "--append=a=b c", "--initrd", "i.img"],
            ["k.elf", "--append", ""], ["k.elf", "--append", "", "--append", "a", "--append=b c"],
            ["k.elf", "--initrd", "a.img", "--initrd=b.img"],
            ["k.elf", "--report", "json:a", "--report=tap:b", "--report", "junit:c"],
            ["xen", "--module", "vmlinuz console=hvc0  x", "--module=b", "--initrd", "a"],
            ["f.img", "--disk-type", "floppy"],
            ["k.bin", "--format", "flat", "--timeout", "1.5s", "--console", "none"],
            ["k.elf", "--console=file:x=y", "--report", "json:r.json"],
            ["--hugepages", "k.elf", "--on-reset", "reboot"],
            ["k.elf", "--on-reset=end", "--memory", "4M", "--hugepages"],
            ["k.elf", "--file-limit", "64K"], ["k.elf", "--file-limit=none", "--trace", "t"],
            ["k.elf", "--symbols", "System.map"],
            ["k.elf", "--signal-keys", "guest"], ["k.elf", "--post-mortem", "full"], ["k.elf", "--post-mortem=off"],
            ["k.elf", "--testdev", "--cpu", "qemu64,+x2apic", "--exit-port-style", "qemu"],
            ["--testdev", "k.elf", "--cpus=2"], ["k.elf", "--exit-port", "0x501"], ["k.elf", "--exit-port=none"],
            ["k.elf", "--exit-port", "244"],
            [
                "k.elf", "--expect", "a=b", "--expect=c", "--fail-on", "none", "--fail-on", "x", "--send", "a=b=c",
                "--until", "end",
            ],
            ["k.elf", "--device", "00:04.0", "--device", "0000:00:05.0,msi=irqfd,slot=12"],
        ])
    func bothReadersAgree(_ arguments: [String]) throws {
        let request = try #require(plain(arguments))
        #expect(try request == RunCommand.parse(arguments).request)
    }

    @Test func listsKeepTheirOrder() throws {
        let request = try #require(
            plain([
                "k", "--append", "a", "--initrd", "1", "--append", "b  c", "--initrd", "2", "--report", "tap:x",
                "--report", "json:y",
            ]))
        #expect(request.append == "a b  c")
        #expect(request.initrds == ["1", "2"])
        #expect(request.reports.map(\.path) == ["x", "y"])
    }

    @Test func modulesFollowInitrds() throws {
        let request = try #require(plain(["k", "--module", "m  one two", "--initrd", "1", "--module", "n"]))
        #expect(request.allModules == [.init(path: "1"), .init(path: "m", arguments: "one two"), .init(path: "n")])
    }

    @Test(
        arguments: [
            [], ["k.elf", "extra"], ["k.elf", "--help"], ["k.elf", "-m", "1G"], ["k.elf", "--nonsense", "1"],
            ["k.elf", "--append"],
            ["k.elf", "--append", "-v"], ["k.elf", "--cpus", "1", "--cpus", "2"], ["k.elf", "--", "x"], ["-"], [""],
            ["k.elf", "--memory", "1Q"], ["k.elf", "--memory", "99999999999999T"], ["k.elf", "--cpus", "x"],
            ["k.elf", "--format", "elf"],
            ["k.elf", "--timeout", "0"], ["k.elf", "--timeout", "1sec"], ["k.elf", "--timeout", "nan"],
            ["k.elf", "--timeout", "inf"],
            ["k.elf", "--console", "file:"], ["k.elf", "--report", "xml:x"], ["k.elf", "--device", "zz"],
            ["k.elf", "--on-reset", "stop"], ["k.elf", "--hugepages=1"],
            ["k.elf", "--device", "00:04.0,slot=0"], ["k.elf", "--device", "00:04.0,slot=32"],
            ["k.elf", "--device", "00:04.0,,"],
            ["k.elf", "--device", "00:04.0,msi"], ["k.elf", "--testdev=on"], ["k.elf", "--cpu", "pentium"],
            ["k.elf", "--exit-port-style", "x"],
            ["k.elf", "--exit-port", "0x3f8"], ["k.elf", "--exit-port", "+9"], ["k.elf", "--exit-port", "0x10000"],
            ["k.elf", "--exit-port", "0x"],
            ["k.elf", "--testdev", "--testdev"], ["k.elf", "--device", ""],
            ["k.elf", "--expect", "("], ["k.elf", "--expect", "-x"], ["k.elf", "--fail-on", "a*"],
            ["k.elf", "--send", "a"],
            ["k.elf", "--until", "then"], ["k.elf", "--until", "end", "--until", "end"],
            ["k.elf", "--report", "json:a", "--report", "tap:a"], ["k.elf", "--module", ""],
            ["k.elf", "--module", " a"],
            ["k.elf", "--file-limit", "0"], ["k.elf", "--file-limit", "63K"], ["k.elf", "--file-limit", "9999999T"],
            ["k.elf", "--file-limit", "x"],
            ["k.elf", "--disk-type", "cdrom"], ["k.elf", "--disk-type", "disk", "--disk-type", "disk"],
        ])
    func whatIsWrongOrUnusualIsLeftToTheParser(_ arguments: [String]) {
        #expect(plain(arguments) == nil)
    }
}
