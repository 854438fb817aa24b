import Glibc
import LinuxSystem

/// One start of QEMU: its connections, and the data they carry until the command's end.
struct LabSession: ~Copyable {
    private let configuration: LabConfiguration
    private let interface: HostInterface
    private let qemu: ChildProcess
    private let connections: Connections
    private let consoleFile: Descriptor?
    private let consoleLimit: ConsoleLimit?
    /// The error that ended writing the console's file.
    private var consoleFailure: SystemCallError?

    private var log = ConsoleLog()
    private var progress = LabProgress()
    private var complaints: [UInt8] = []
    private var isEmulatorGone = false
    /// The number of the host's requests for input that were answered.
    private var inputAnswers = 0
    /// The time when the kernel's panic was seen, on the monotonic clock.
    private var panicTime: UInt64?
    private let start = MonotonicClock.now

    /// The time in seconds that the host may take to reach the command, even on a badly loaded machine.
    private static let startLimit = 180
    /// The number of bytes kept of QEMU's messages: the first ones say why it doesn't start.
    private static let complaintLimit = 64 << 10
    /// The time in seconds that a panicking kernel may take for its report.
    private static let panicLimit = 5

    /// The near ends belong to the lab, the far ends to QEMU.
    private struct Connections: ~Copyable {
        var console: SocketPair
        var control: SocketPair
        var input: SocketPair
        var output: SocketPair
        var error: SocketPair
        var complaints: SocketPair

        init() throws(SystemCallError) {
            let console = try SocketPair("the lab's console")
            let control = try SocketPair("the lab's control port")
            let input = try SocketPair("the lab's input port")
            let output = try SocketPair("the lab's output port")
            let error = try SocketPair("the lab's error port")
            let complaints = try SocketPair("QEMU's standard error")
            self.console = console
            self.control = control
            self.input = input
            self.output = output
            self.error = error
            self.complaints = complaints
        }

        mutating func closeFar() {
            console.closeFar()
            control.closeFar()
            input.closeFar()
            output.closeFar()
            error.closeFar()
            complaints.closeFar()
        }
    }

    /// Starts QEMU.
    init(
        _ configuration: LabConfiguration, _ interface: HostInterface, qemu path: String, guardian: String,
        image: borrowing BootImage,
        archive: [UInt8]
    ) throws(LabError) {
        let consoleFile = try Self.consoleFile(configuration.consoleLog)
        do throws(SystemCallError) {
            var connections = try Connections()
            let initramfs = try TemporaryFile("initramfs", contents: archive)
            let commandLine = QEMUCommandLine(configuration: configuration, interface: interface, kernel: image.path)
            let drives = try TemporaryFile("drives", size: commandLine.drivesSize)
            let null = try Descriptor(opening: "/dev/null")
            var descriptors: [Int32] = []
            for purpose in QEMUCommandLine.Descriptor.allCases {
                let descriptor =
                    switch purpose {
                    case .nothing, .nowhere: null.raw
                    case .complaints: connections.complaints.far
                    case .console: connections.console.far
                    case .control: connections.control.far
                    case .input: connections.input.far
                    case .output: connections.output.far
                    case .error: connections.error.far
                    case .initramfs: initramfs.descriptor.raw
                    case .kernel: image.descriptor
                    case .drives: drives.descriptor.raw
                    }
                descriptors.append(descriptor < 0 ? null.raw : descriptor)
            }
            let qemu = try ChildProcess(
                guardian, arguments: ["--pdeathsig", "KILL", "--", path] + commandLine.arguments,
                environment: ["PATH=/usr/bin:/bin"],
                descriptors: descriptors)
            connections.closeFar()
            self.configuration = configuration
            self.interface = interface
            self.qemu = qemu
            self.connections = connections
            consoleLimit = Self.limit(configuration, consoleFile)
            self.consoleFile = consoleFile
        } catch {
            throw .system(error)
        }
    }

    private static func consoleFile(_ path: String?) throws(LabError) -> Descriptor? {
        guard let path else { return nil }
        do throws(OutputFileError) { return try OutputFile(path, appends: true).release() } catch {
            throw .unwritable("the console", path: path, error)
        }
    }

    /// Borrows the file by its signature: a pattern on the file itself would take it over, and close it.
    private static func limit(_ configuration: LabConfiguration, _ file: borrowing Descriptor?) -> ConsoleLimit? {
        switch file {
        case .some(let file): FileLimit.holds(for: file.raw) ? ConsoleLimit(configuration.consoleLogLimit) : nil
        case .none: nil
        }
    }

    /// Writes the host's kernel log to its file.
    private mutating func keep(_ bytes: [UInt8]) {
        let bytes = consoleLimit?.admit(bytes) ?? bytes
        guard consoleFailure == nil, !bytes.isEmpty else { return }
        switch consoleFile {
        case .some(let file):
            do throws(SystemCallError) { try BlockingCall.write(bytes, to: file.raw, file.object) } catch {
                consoleFailure = error
            }
        case .none: break
        }
    }

    /// Reports bytes that are missing in the console's file.
    private func reportMissing(_ notice: (String) -> Void) {
        guard let path = configuration.consoleLog else { return }
        if let consoleFailure { notice("the console's log \(path) is cut off: \(consoleFailure.errno)") }
        if let consoleLimit, case let missing = consoleLimit.missing, missing > 0 {
            notice(
                "the console's log \(path) has reached \(consoleLimit.limit.words): \(missing) bytes are missing in it")
        }
    }

    /// Carries the streams until the command has ended, and ends QEMU in any case.
    /// - Returns: the command's exit status.
    mutating func run(
        _ streams: Lab.Streams, _ input: inout CommandInput, mark: EndMark, deadline: UInt64?
    ) throws(LabError) -> Int32 {
        var output = OutputRelay(from: connections.output.near.raw, to: streams.output, mark)
        var error = OutputRelay(from: connections.error.near.raw, to: streams.error, mark)
        do throws(LabError) {
            while !(isEmulatorGone && output.isDone && error.isDone) {
                if let status = progress.exitStatus, output.isDone, error.isDone {
                    end()
                    reportMissing(streams.notice)
                    return status
                }
                if let failure = progress.failure { throw .setup(failure) }
                try checkTime(deadline)
                try turn(streams, &input, &output, &error)
            }
        } catch {
            end()
            reportMissing(streams.notice)
            throw error
        }
        let termination = end()
        reportMissing(streams.notice)
        throw causeOfDeath(termination)
    }

    /// True if the host reached the command.
    var isStarted: Bool { progress.isStarted }

    /// The files that the command wrote, once it has ended: base64 of a compressed archive, empty if there are none or
    /// all are shared.
    var files: [UInt8] { progress.files }

    /// Returns the log's last lines.
    func consoleTail(_ count: Int) -> [String] { log.tail(count) }

    /// Waits for an event and handles it.
    private mutating func turn(
        _ streams: Lab.Streams, _ input: inout CommandInput, _ output: inout OutputRelay, _ error: inout OutputRelay
    ) throws(LabError) {
        let connected = !isEmulatorGone
        let takesInput = connected && progress.isStarted
        let givesBytes = interface.streams == .virtio
        var waits = [
            Wait(streams.interruption, POLLIN),
            Wait(connections.console.near.raw, POLLIN, if: connected),
            Wait(connections.control.near.raw, POLLIN, if: connected),
            Wait(connections.complaints.near.raw, POLLIN, if: connected),
            Wait(input.source, POLLIN, if: takesInput && input.wantsMore),
            Wait(connections.input.near.raw, POLLOUT, if: takesInput && givesBytes && input.isPending),
            Wait(output.source, POLLIN, if: output.wantsMore),
            Wait(output.target, POLLOUT, if: output.isPending),
            Wait(error.source, POLLIN, if: error.wantsMore),
            Wait(error.target, POLLOUT, if: error.isPending),
        ]
        // Twice a second is often enough for the time limits.
        guard Wait.poll(&waits, milliseconds: 500) > 0 else { return }
        if waits[0].isReady { throw .interrupted }
        var saidMore = false
        if waits[1].isReady {
            let bytes = Self.receive(connections.console.near.raw)
            saidMore = !bytes.isEmpty
            log.append(bytes[...])
            keep(bytes)
            if panicTime == nil && log.hasPanic { panicTime = MonotonicClock.now }
        }
        if waits[2].isReady {
            let bytes = Self.receive(connections.control.near.raw)
            saidMore = saidMore || !bytes.isEmpty
            progress.append(bytes[...])
        }
        if waits[3].isReady {
            let bytes = Self.receive(connections.complaints.near.raw)
            complaints += bytes.prefix(max(Self.complaintLimit - complaints.count, 0))
            // Only after the host's last messages are read: they may explain its end.
            isEmulatorGone = bytes.isEmpty && !saidMore
        }
        if waits[4].isReady { input.read() }
        if waits[5].isReady { input.give(to: connections.input.near.raw) }
        if takesInput && givesBytes && input.isExhausted { shutdown(connections.input.near.raw, Int32(SHUT_WR)) }
        if takesInput && !givesBytes { giveLine(of: &input) }
        if waits[6].isReady { output.read() }
        if waits[7].isReady { try output.write() }
        if waits[8].isReady { error.read() }
        if waits[9].isReady { try error.write() }
    }

    /// Answers the host's request for a line of input, if there is one. The host makes the next request after it has
    /// read this line, since a serial port can't say that it is full.
    private mutating func giveLine(of input: inout CommandInput) {
        guard progress.inputRequests > inputAnswers, let line = input.nextLine() else { return }
        inputAnswers += 1
        _ = line.withUnsafeBytes { send(connections.control.near.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    private func checkTime(_ deadline: UInt64?) throws(LabError) {
        let now = MonotonicClock.now
        if let deadline, let timeout = configuration.timeout, now >= deadline {
            throw .timeout(seconds: timeout, stage: progress.stage)
        }
        if !progress.isStarted && now - start >= UInt64(Self.startLimit) * 1_000_000_000 {
            throw .silent(seconds: Self.startLimit, stage: progress.stage)
        }
        if let panicTime, now - panicTime >= UInt64(Self.panicLimit) * 1_000_000_000 { throw crash }
    }

    /// Kills QEMU, which loses nothing: the host's files are written when the command's writes return.
    @discardableResult
    private func end() -> ChildProcess.Termination? {
        if !isEmulatorGone { qemu.signal(SIGKILL) }
        return try? qemu.wait()
    }

    /// Returns the reason why QEMU ended before the command did.
    private func causeOfDeath(_ termination: ChildProcess.Termination?) -> LabError {
        if log.hasPanic { return crash }
        if log.hasPowerOff { return .powerOff }
        let words = complaintText
        switch termination {
        case .exited(0): return crash
        case .exited(let status):
            let isRefusal = log.bytes.isEmpty
            return isRefusal
                ? .refused(words.isEmpty ? "QEMU ended with status \(status) before it started" : words)
                : .emulator("QEMU ended with status \(status)\(words.isEmpty ? "" : ": \(words)")")
        case .signaled(let signal):
            let text = "QEMU was ended by signal \(signal)\(words.isEmpty ? "" : ": \(words)")"
            // QEMU 7.2 aborts if a device model meets an unexpected state, as its e1000e with MSI-X disabled at the
            // wrong moment. SIGTERM, SIGINT and, if memory is short, SIGKILL come from outside, and would come again.
            return [SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE].contains(signal) ? .crashed(text) : .emulator(text)
        case nil: return .emulator("QEMU ended\(words.isEmpty ? "" : ": \(words)")")
        }
    }

    private var crash: LabError {
        .crashed(log.panic ?? "it reset without a word while it was \(progress.stage)")
    }

    /// QEMU's messages without its warnings about CPU features that the emulation lacks.
    private var complaintText: String {
        String(decoding: complaints, as: UTF8.self).split(separator: "\n")
            .filter { !$0.contains("TCG doesn't support requested feature") }
            .map { $0.hasPrefix("qemu-system-x86_64: ") ? $0.dropFirst("qemu-system-x86_64: ".count) : $0 }
            .joined(separator: "; ")
    }

    /// Returns the bytes that wait at a socket; none at its end.
    private static func receive(_ socket: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 1 << 14) { buffer, filled in
            filled = max(0, recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT)))
        }
    }
}
