import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Runs that a person or the system ends.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct RunSignalTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A run that has said something and now spins.
    private func spinning(_ arguments: String...) throws -> SwiftletProcess {
        let process = try SwiftletProcess(["run", TestKernel.built("ends.elf"), "--append", "end=spin"] + arguments)
        try #require(eventually { process.output.contains("ends: spin") })
        return process
    }

    @Test(
        arguments: [(SIGINT, 130, "SIGINT (^C)"), (SIGTERM, 143, "SIGTERM"), (SIGHUP, 129, "SIGHUP")]
            as [(Int32, Int32, String)])
    func aSignalEndsARun(signal: Int32, status: Int32, name: String) throws {
        let report = "\(directory.path)/report.json"
        let process = try spinning("--report", "json:\(report)")
        process.child.signal(signal)
        let ended = try process.wait()
        #expect(ended.status == status)
        #expect(ended.lastLine == "swiftlet: ended by \(name)")
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "interrupted")
        #expect(written.exitStatus == status)
        #expect(written.consoleTail.contains("ends: spin"))
    }

    @Test func afterAKillTheNextRunWorks() throws {
        let process = try spinning()
        process.child.signal(SIGKILL)
        #expect(try process.wait().status == -SIGKILL)
        #expect(try SwiftletProcess.run("run", TestKernel.built("hello.elf")).status == 0)
    }

    /// Nobody reads what the guest says, and typing does not end: time and signals must end it all the same.
    @Test func aReaderThatIsStuckKeepsNobody() throws {
        let screen = try Pipe()
        // F_SETPIPE_SZ: the least there is, so that the pipe is full at once and our own buffer soon after.
        #expect(fcntl(screen.input, 1031, 4096) >= 0)
        let zeros = try Descriptor(opening: "/dev/zero", flags: O_RDONLY)
        let kernel = try directory.file("guest.bin", TestKernel.talksForEver)
        let process = try SwiftletProcess(
            ["run", kernel, "--memory", "1M", "--timeout", "3s"], input: zeros.raw, output: screen.input)
        let ended = try process.wait(within: 60)
        #expect(ended.status == 124)
        #expect(ended.lastLine.contains("timeout"))
        #expect(ended.errors.contains("bytes of the guest's console were lost"))
    }

    /// The reader is gone, as `head` is when it has enough: the guest goes on to its end.
    @Test func aReaderThatIsGoneKeepsTheGuestsVerdict() throws {
        let screen = try Pipe.withoutReader()
        let process = try SwiftletProcess(
            ["run", TestKernel.built("hello.elf"), "--append", "exit=7"], output: screen.raw)
        let ended = try process.wait()
        #expect(ended.status == 7)
        #expect(ended.lastLine.contains("wrote 7"))
    }
}

/// Runs at a terminal.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct RunTerminalTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A terminal with a run of its own session in its foreground.
    private final class Session {
        let main: Descriptor
        let process: SwiftletProcess
        let before: [UInt32]
        /// What came to the screen.
        private(set) var seen = ""

        /// - Parameter words: what must come to the screen before anything else is done.
        init(
            _ arguments: [String], showing words: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            // posix_openpt(3) by hand: the Glibc module has no part of it. <asm/ioctls.h>: TIOCSPTLCK, TIOCGPTPEER.
            let main = try Descriptor(opening: "/dev/ptmx", flags: O_RDWR | O_NOCTTY)
            let raw = main.raw
            var isLocked: Int32 = 0
            guard cl_ioctl(raw, 0x4004_5431, &isLocked) == 0 else {
                throw SystemCallError.last("TIOCSPTLCK", "/dev/ptmx")
            }
            let peer = cl_ioctl_value(raw, 0x5441, UInt(O_RDWR | O_NOCTTY | O_CLOEXEC))
            guard peer >= 0 else {
                throw SystemCallError(call: "TIOCGPTPEER", object: "/dev/ptmx", errno: .init(rawValue: -peer))
            }
            let line = Descriptor(owning: peer, object: "a terminal")
            before = Session.flags(raw)
            // setsid --ctty makes its standard input the new session's terminal.
            process = try SwiftletProcess(
                arguments, program: "/usr/bin/setsid", leading: ["--ctty", "--wait", SwiftletProcess.path],
                input: line.raw, output: line.raw)
            self.main = main
            if let words { type("", expecting: words, sourceLocation: sourceLocation) }
        }

        /// The line's modes: input, output, control, local.
        static func flags(_ raw: Int32) -> [UInt32] {
            var modes = termios()
            guard tcgetattr(raw, &modes) == 0 else { return [] }
            return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag]
        }

        var flags: [UInt32] { Session.flags(main.raw) }

        func clear() { seen = "" }

        func type(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(main.raw, $0.baseAddress, $0.count) } }

        /// Types, and expects words on the screen.
        func type(_ text: String, expecting words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
            type(text)
            for words in words {
                let areShown = shows(words)
                #expect(areShown, "\(words) in \(seen)", sourceLocation: sourceLocation)
            }
        }

        /// Expects the run to end so, and to leave the terminal as it was.
        @discardableResult
        func expectEnd(
            _ status: Int32, _ lastLine: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> SwiftletProcess.Ended {
            let ended = try process.wait()
            #expect(ended.status == status, "\(ended.errors)", sourceLocation: sourceLocation)
            if let lastLine { #expect(ended.lastLine == lastLine, sourceLocation: sourceLocation) }
            #expect(flags == before, sourceLocation: sourceLocation)
            return ended
        }

        /// Waits for words on the screen.
        func shows(_ words: String) -> Bool {
            eventually {
                var entry = pollfd(fd: main.raw, events: Int16(POLLIN), revents: 0)
                while poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLIN) != 0 {
                    var chunk = [UInt8](repeating: 0, count: 4096)
                    let count = read(main.raw, &chunk, chunk.count)
                    guard count > 0 else { break }
                    seen += String(decoding: chunk[0..<count], as: UTF8.self)
                }
                return seen.contains(words)
            }
        }
    }

    @Test("^C ends the run and restores the terminal")
    func controlC() throws {
        let session = try Session(["run", TestKernel.built("ends.elf"), "--append", "end=spin"], showing: "ends: spin")
        #expect(session.flags[3] & UInt32(ICANON | ECHO) == 0, "keys go to the guest at once and unseen")
        #expect(session.flags[3] & UInt32(ISIG) != 0)
        session.type("\u{3}")
        try session.expectEnd(130, "swiftlet: ended by SIGINT (^C)")
    }

    /// Shows each byte that it is sent as `<` and the byte's letter: `<A>` for ^A.
    private func showsKeys() throws -> String {
        // again: mov dx, 0x3fd; l: in al, dx; test al, 1; jz l; mov dx, 0x3f8; in al, dx; mov ah, al; mov al, '<'; out
        // dx, al; mov al, ah; add al, 0x40; out dx, al; mov al, '>'; out dx, al; jmp again
        try directory.file(
            "keys.bin",
            [
                0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xFB, 0xBA, 0xF8, 0x03, 0xEC, 0x88, 0xC4, 0xB0, 0x3C, 0xEE,
                0x88, 0xE0, 0x04, 0x40, 0xEE, 0xB0,
                0x3E, 0xEE, 0xEB, 0xE5,
            ])
    }

    @Test func controlAXEndsARunWhoseGuestTakesNothing() throws {
        let report = "\(directory.path)/report.json"
        let session = try Session(
            ["run", TestKernel.built("ends.elf"), "--append", "end=spin", "--report", "json:\(report)"],
            showing: "ends: spin")
        // More than the serial port and the terminal hold for a guest.
        for _ in 0..<20 { session.type(String(repeating: "k", count: 1000)) }
        session.type("\u{1}")
        session.type("x")
        let ended = try session.expectEnd(130, "swiftlet: ended from the keyboard (^A x)")
        #expect(ended.errors.contains("vCPU 0 is spinning at rip 0x"))
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "interrupted")
        #expect(written.exitStatus == 130)
    }

    @Test("^A h shows the keys, and the guest sees nothing of it")
    func controlAH() throws {
        let session = try Session(["run", try showsKeys(), "--memory", "1M", "--timeout", "60s"])
        session.type("\u{1}h\u{2}", expecting: "^A x    ends the run", "<B>")
        // An unknown one does the same.
        session.type("\u{1}z\u{1}\u{1}\u{1}a\u{1}c\u{4}", expecting: "^A h    shows this", "<A><A><C><D>")
        #expect(!session.seen.contains("<Z>"))
        #expect(!session.seen.contains("<H>"))
        #expect(session.flags[3] & UInt32(ISIG) != 0)
        session.type("\u{3}")
        #expect(try session.process.wait().status == 130)
    }

    @Test("with --signal-keys guest, ^C reaches the guest")
    func signalKeysGuest() throws {
        let session = try Session([
            "run", try showsKeys(), "--memory", "1M", "--signal-keys", "guest", "--timeout", "60s",
        ])
        session.type("\u{2}", expecting: "<B>")
        #expect(session.flags[3] & UInt32(ISIG) == 0)
        session.type("\u{3}\u{1A}\u{1C}\u{4}", expecting: "<C><Z><\\><D>")
        session.type("\u{1}h", expecting: "^C      goes to the guest")
        session.type("\u{1}x")
        try session.expectEnd(130, "swiftlet: ended from the keyboard (^A x)")
        let refused = try SwiftletProcess.run("run", "k.elf", "--signal-keys", "guest", "--console", "none")
        #expect(refused.status == 64)
        #expect(refused.lastLine.contains("--signal-keys guest and --console none don't go together"))
    }

    /// The ^A comes in one boot, its key in a later one.
    @Test("a guest that resets again and again can't take the ^A key")
    func resetLoopKeys() throws {
        let session = try Session(
            [
                "run", TestKernel.built("ends.elf"), "--append", "end=reset", "--on-reset", "reboot", "--signal-keys",
                "guest",
            ]
                + ["--timeout", "60s"], showing: "ends: reset")
        session.type("\u{1}")
        session.clear()
        session.type("", expecting: "ends: reset\r\r\nends: reset\r\r\nends: reset")
        session.type("x")
        let ended = try session.expectEnd(130)
        #expect(ended.lastLine.hasPrefix("swiftlet: ended from the keyboard (^A x); before, it had reset itself "))
    }

    @Test func inAPipeControlAIsData() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("echo.elf"), "--timeout", "60s", input: "\u{1}x\u{1}h\u{3}\nquit\n")
        #expect(ended.status == 0)
        #expect(ended.output.contains("\u{1}X\u{1}H\u{3}"))
    }

    @Test func keysReachTheGuestAndTheTerminalIsAsBefore() throws {
        let session = try Session(["run", TestKernel.built("echo.elf"), "--timeout", "60s"], showing: "echo: ready")
        session.type("typed\r", expecting: "TYPED")
        session.type("quit\r")
        try session.expectEnd(0)
    }

    @Test("the terminal is unchanged if the run does not start")
    func untouchedTerminal() throws {
        try Session(["run", "/nonexistent.elf"]).expectEnd(66)
    }
}
