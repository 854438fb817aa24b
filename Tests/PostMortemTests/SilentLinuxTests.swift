import PostMortem
import Testing
import X86

/// What is said to a person whose Linux printed nothing on the serial console. Each hint must be true of the command
/// line it is given for.
@Suite struct SilentLinuxTests {
    private func hints(_ commandLine: String, _ stage: SilentLinux.Stage = .unknown) -> [String] {
        SilentLinux(commandLine: LinuxCommandLine(commandLine), stage: stage).hints
    }

    @Test(arguments: [
        "", "root=/dev/vda quiet", "console=", "init=\"/bin/sh console=ttyS0\"", "-- console=ttyS0", "xconsole=ttyS0",
        "earlyprintk=vga", "earlycon",
    ])
    func noSerialConsoleIsAskedFor(commandLine: String) {
        #expect(
            hints(commandLine) == [
                """
                nothing came over the serial console, and the kernel's command line does not ask for it: add \
                --append console=ttyS0
                """
            ])
    }

    @Test(arguments: ["tty0", "ttyS1,115200", "hvc0", "ttyS", "ttyS01", "uart8250,io,0x2f8", "uart,mmio,0x3f8"])
    func anotherConsoleIsNamed(name: String) {
        #expect(
            hints("quiet console=\(name)") == [
                """
                nothing came over the serial console: console=\(name) is not the port that is shown here; add \
                --append console=ttyS0
                """
            ])
    }

    @Test(arguments: ["ttyS0", "ttyS0,115200n8", "0", "uart8250,io,0x3f8", "uart,io,0x3F8,115200"])
    func theSerialConsoleIsNamed(name: String) {
        #expect(
            hints("console=tty0 console=\(name)") == [
                """
                nothing came over the serial console: --append earlyprintk=serial,ttyS0 shows what the kernel says \
                before its console is up
                """
            ])
        // It is known to have come further.
        #expect(hints("console=\(name)", .logging).isEmpty)
    }

    @Test func quietIsNamedWhereItCounts() {
        let quiet =
            """
            nothing came over the serial console, and the command line has quiet: without it the kernel shows what \
            it does before its first process runs
            """
        #expect(hints("console=ttyS0 quiet", .logging) == [quiet])
        #expect(hints("quiet console=ttyS0").first == quiet)
        #expect(hints("console=ttyS0 loglevel=3", .logging).first?.contains("has loglevel=3: ") == true)
        for line in [
            "console=ttyS0 quiet ignore_loglevel", "console=ttyS0 quiet loglevel=7", "console=ttyS0 quiet debug",
            "console=ttyS0 loglevel=x",
        ] {
            #expect(hints(line, .logging).isEmpty, "\(line)")
        }
    }

    @Test(arguments: ["serial", "serial,ttyS0,115200", "serial,0x3f8", "ttyS0,keep", "serial,0"])
    func earlyMessagesGoToThePort(value: String) {
        #expect(
            hints("earlyprintk=\(value)") == [
                """
                nothing came over the serial console, which only earlyprintk or earlycon ask for: add --append \
                console=ttyS0
                """
            ])
        #expect(hints("earlyprintk=\(value) console=ttyS0").isEmpty)
    }

    @Test func whereTheKernelIs() {
        var registers = ProcessorRegisters()
        (registers.is64Bit, registers.rip) = (true, 0x100_0000)
        #expect(SilentLinux.stage(registers) == .decompressor)
        #expect(
            hints("console=ttyS0 earlyprintk=serial", .decompressor).last?.hasPrefix(
                "the kernel still runs where it was loaded: ") == true)
        registers.privilege = 3
        #expect(SilentLinux.stage(registers) == .unknown, "a process")
        (registers.privilege, registers.rip) = (0, 0xFFFF_FFFF_8100_0000)
        #expect(SilentLinux.stage(registers) == .unknown)
        #expect(SilentLinux.stage(nil) == .unknown)
        (registers.is64Bit, registers.is32Bit, registers.rip) = (false, true, 0x100_0000)
        #expect(SilentLinux.stage(registers) == .decompressor)
        registers.cr0 = 1 << 31
        #expect(SilentLinux.stage(registers) == .unknown)
    }

    @Test func aLongCommandLineMakesNoLongHint() {
        let many = (0..<100).map { "console=" + String(repeating: "\($0)x", count: 1000) }.joined(separator: " ")
        #expect(hints(many).allSatisfy { $0.count < 300 })
    }
}
