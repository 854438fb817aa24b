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

    @Test(arguments: [(SIGINT, 130, "SIGINT (^C)"), (SIGTERM, 143, "SIGTERM"), (SIGHUP, 129, "SIGHUP")] as [(Int32, Int32, String)])
    func aSignalEndsARun(signal: Int32, status: Int32, name: String) throws {
        let report = "\(directory.path)/report.json"
        let process = try spinning("--report", "json:\(report)")
        process.child.signal(signal)
        let ended = try process.wait()
        #expect(ended.status == status && ended.lastLine == "swiftlet: ended by \(name)")
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "interrupted" && written.exitStatus == status && written.consoleTail.contains("ends: spin"))
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
        let process = try SwiftletProcess(["run", kernel, "--memory", "1M", "--timeout", "3s"], input: zeros.raw, output: screen.input)
        let ended = try process.wait(within: 60)
        #expect(ended.status == 124 && ended.lastLine.contains("timeout"))
        #expect(ended.errors.contains("bytes of the guest's console were lost"))
    }

    /// The reader is gone, as `head` is when it has enough: the guest goes on to its end.
    @Test func aReaderThatIsGoneKeepsTheGuestsVerdict() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        let screen = Descriptor(owning: ends[1], object: "a pipe")
        let process = try SwiftletProcess(["run", TestKernel.built("hello.elf"), "--append", "exit=7"], output: screen.raw)
        let ended = try process.wait()
        #expect(ended.status == 7 && ended.lastLine.contains("wrote 7"))
    }
}

/// Runs at a terminal.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct RunTerminalTests {
    /// A terminal with a run of its own session in its foreground.
    private final class Session {
        let main: Descriptor
        let process: SwiftletProcess
        let before: [UInt32]

        init(_ arguments: [String]) throws {
            // posix_openpt(3) by hand: the Glibc module has no part of it. <asm/ioctls.h>: TIOCSPTLCK, TIOCGPTPEER.
            let main = try Descriptor(opening: "/dev/ptmx", flags: O_RDWR | O_NOCTTY)
            let raw = main.raw
            var isLocked: Int32 = 0
            guard cl_ioctl(raw, 0x4004_5431, &isLocked) == 0 else { throw SystemCallError.last("TIOCSPTLCK", "/dev/ptmx") }
            let peer = cl_ioctl_value(raw, 0x5441, UInt(O_RDWR | O_NOCTTY | O_CLOEXEC))
            guard peer >= 0 else { throw SystemCallError(call: "TIOCGPTPEER", object: "/dev/ptmx", errno: .init(rawValue: -peer)) }
            let line = Descriptor(owning: peer, object: "a terminal")
            before = Session.flags(raw)
            // setsid --ctty makes its standard input the new session's terminal.
            process = try SwiftletProcess(
                arguments, program: "/usr/bin/setsid", leading: ["--ctty", "--wait", SwiftletProcess.path], input: line.raw, output: line.raw)
            self.main = main
        }

        /// The line's modes: input, output, control, local.
        static func flags(_ raw: Int32) -> [UInt32] {
            var modes = termios()
            guard tcgetattr(raw, &modes) == 0 else { return [] }
            return [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag]
        }

        var flags: [UInt32] { Session.flags(main.raw) }

        func type(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(main.raw, $0.baseAddress, $0.count) } }

        /// Waits for words on the screen.
        func shows(_ words: String) -> Bool {
            var seen = ""
            return eventually {
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

    @Test func controlCEndsTheRunAndTheTerminalIsAsBefore() throws {
        let session = try Session(["run", TestKernel.built("ends.elf"), "--append", "end=spin"])
        let isSpinning = session.shows("ends: spin")
        #expect(isSpinning)
        #expect(session.flags[3] & UInt32(ICANON | ECHO) == 0, "keys go to the guest at once and unseen")
        #expect(session.flags[3] & UInt32(ISIG) != 0)
        session.type("\u{3}")
        let ended = try session.process.wait()
        #expect(ended.status == 130 && ended.lastLine == "swiftlet: ended by SIGINT (^C)")
        #expect(session.flags == session.before)
    }

    @Test func keysReachTheGuestAndTheTerminalIsAsBefore() throws {
        let session = try Session(["run", TestKernel.built("echo.elf"), "--timeout", "60s"])
        let isReady = session.shows("echo: ready")
        #expect(isReady)
        session.type("typed\r")
        let isEchoed = session.shows("TYPED")
        #expect(isEchoed)
        session.type("quit\r")
        let ended = try session.process.wait()
        #expect(ended.status == 0)
        #expect(session.flags == session.before)
    }

    @Test func aTerminalIsLeftAloneWhereTheRunDoesNotStart() throws {
        let session = try Session(["run", "/nonexistent.elf"])
        #expect(try session.process.wait().status == 66)
        #expect(session.flags == session.before)
    }
}
