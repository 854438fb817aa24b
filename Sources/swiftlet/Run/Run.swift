import Assignment
import Glibc
import KVM
import LinuxSystem
import PostMortem
import Scripting
import VMM

/// Carries out one `swiftlet run`.
struct Run {
    /// The result.
    struct Ended {
        let verdict: Verdict
        let result: Machine.Result
        /// The number of console bytes that are missing in its file because of the limit.
        let missingConsoleBytes: Int
        /// Further messages, a sentence each.
        let notes: [String]
        /// The length of the printed post-mortem.
        let detail: PostMortemDetail

        /// The result in the form for a suite.
        var handedOver: RunResult {
            RunResult(
                ending: verdict.ending, outcome: verdict.outcome, status: verdict.status, sentence: verdict.sentence,
                postMortem: verdict.outcome == "passed" ? [] : detail.lines(of: result.postMortem),
                lostConsoleBytes: UInt64(result.unwrittenConsoleBytes),
                missingConsoleBytes: UInt64(missingConsoleBytes),
                consoleTail: missingConsoleBytes > 0 ? result.consoleTail : "", notes: notes)
        }
    }

    let request: RunRequest

    /// Runs, prints the result on standard error, and returns the exit status.
    func execute() -> Int32 {
        let status: Int32
        do {
            let ended = try start()
            // A suite gets the result this way, whether or not the line can be written.
            let isHandedOver = ResultChannel.handOver(ended.handedOver)
            status = isHandedOver ? ended.verdict.status : StandardError.status(ended.verdict.status)
        } catch {
            let end = EarlyEnd(error)
            Self.say(end.sentence)
            _ = ResultChannel.handOver(
                RunResult(ending: end.ending, outcome: end.outcome, status: end.status, sentence: end.sentence))
            status = end.status
        }
        guard let asked = EndingSignals.status, asked != status else { return status }
        // It came during or after the last line.
        Self.say(EndingSignals.sentence)
        return asked
    }

    /// Opens the recording, and boots.
    private func start() throws -> Ended {
        RunFiles.openStandardStreams()
        signal(SIGPIPE, SIG_IGN)
        let signals = try EndingSignals()
        if let limit = request.timeout?.seconds {
            try EndingSignals.limit(seconds: limit, words: Duration.words(limit), status: ExitStatus.timeout)
        }
        try FileUse.check(request.fileUses)
        guard let recorder = try RunFiles.recorder(request) else { return try run(signals, through: .host) }
        do {
            let ended = try run(signals, through: recorder)
            try recorder.finish()
            return ended
        } catch  where !(error is RecordingError) {
            // The error that prevented the start counts; the recording is complete up to there.
            do throws(RecordingError) { try recorder.finish() } catch let second { Self.say("\(second)") }
            throw error
        }
    }

    /// Opens the reports, boots, and accounts for it in the report whatever came of it.
    private func run(_ signals: borrowing EndingSignals, through host: KernelInterface) throws -> Ended {
        guard !request.reports.isEmpty else { return try boot(signals, host) { _ in } }
        let files = ReportFiles()
        do {
            for report in request.reports { try files.open(report) }
            return try boot(signals, host) { report in try files.write(report()) }
        } catch  where !files.areWritten {
            // The error that prevented the start counts, even if the report can't be written.
            do throws(ReportError) {
                try files.write(RunReport(kernel: request.imageName, end: EarlyEnd(error)))
            } catch let second {
                Self.say("\(second)")
            }
            throw error
        }
    }

    private func boot(
        _ signals: borrowing EndingSignals, _ host: KernelInterface, account: (() -> RunReport) throws -> Void
    )
        throws -> Ended
    {
        let files = try RunFiles(request, through: host)
        let (limits, trace) = (files.limits, files.trace)
        try warnOfMissingFeatures(files.hypervisor)
        let watch = WatchedConsole(request.script)
        let stamps = request.consoleStamps ? ConsoleStamps() : nil
        let keys = TerminalKeys(request.signalKeys)
        let series = RebootLoop(action: request.onReset, timeout: request.timeout?.seconds)
        let run = try series.run {
            var configuration = MachineConfiguration(
                memory: request.memory.bytes, hugePages: request.hugePages, cpus: request.cpus,
                consoleOutput: files.output, consoleInput: files.input,
                timeout: series.timeout, cpuModel: request.cpu ?? .host, hasTestDevice: request.testdev,
                hasFirmware: request.firmware != nil,
                showsDebugConsole: request.debugConsole == .console)
            configuration.timeoutStart = series.start
            configuration.terminalKeys = keys
            configuration.consoleFiles = files.console
            configuration.deviceBARs = files.deviceBARs
            configuration.showsPortE9 = request.debugConsole == .e9
            configuration.exitPort = request.exitPort.port
            configuration.consoleStamps = stamps
            if request.console == .quoted { configuration.consoleFilter = QuotedConsole() }
            configuration.consoleLimit = limits.console
            configuration.trace = trace?.trace
            let building = trace?.beginBoot()
            EndingSignals.phase("building the machine")
            let machine = try Machine(configuration, on: files.hypervisor)
            trace?.end("build machine", building)
            try EarlyEnd.check()
            EndingSignals.phase("loading the kernel")
            let loading = trace?.begin()
            if let firmware = request.firmware {
                try machine.loadFirmware(firmware, files: files.inputs)
            } else {
                var boot = BootConfiguration(
                    kernel: request.kernel, commandLine: request.append, modules: request.allModules,
                    format: request.format, diskKind: request.diskKind)
                boot.files = files.inputs
                try machine.load(boot)
            }
            trace?.end("load", loading)
            try EarlyEnd.check()
            EndingSignals.phase("opening devices")
            let opening = trace?.begin()
            let testFunctions = try TestFunctions(
                request.testFunctions, on: machine, reserved: Set(request.devices.compactMap(\.slot)))
            let devices = try AssignedDevices(request.devices, on: machine, notice: Self.say)
            defer { devices.release() }
            if !request.devices.isEmpty { trace?.end("open devices", opening) }
            try EarlyEnd.check()
            EndingSignals.phase("ending the guest")
            let running = trace?.begin()
            var result = try machine.run(signals: signals, watch: watch)
            trace?.end("run", running)
            EndingSignals.prolong()
            EndingSignals.phase("examining the guest")
            if request.postMortem != .off, isExamined(result.outcome, watch.findings) {
                let names = files.symbols.read(notice: Self.say)
                EndingSignals.prolong()
                result.postMortem = machine.postMortem(result.outcome, symbols: names)
                result.postMortem?.devices = testFunctions.interruptStates + devices.interruptStates
            }
            if request.onReset == .end || RebootLoop.reset(result.outcome) == nil { JobSlot.giveBack() }
            devices.reportRefusals(Self.say)
            return (result, testFunctions.report + devices.report)
        }
        EndingSignals.prolong()
        EndingSignals.phase("writing what became of the guest")
        var verdict = Verdict(
            run, exitPortStyle: request.exitPortStyle, script: request.script, findings: watch.findings
        )
        .explained(by: run.result.postMortem, findings: watch.findings).followed(by: EndingSignals.cause)
        // A suite gets this beside the verdict.
        let unwritten = run.result.unwrittenConsoleBytes
        if unwritten > 0, !ResultChannel.isOffered { verdict = verdict.without("\(unwritten) bytes of the console") }
        let traced = trace?.finish(verdict.sentence, notice: Self.say)
        if traced?.failure != nil { verdict = verdict.without("part of the trace") }
        // First, since a report that can't be written must not lose the verdict.
        let recorder = host as? CallRecorder
        let cutConsole = limits.cutConsole
        let cutTrace = traced.flatMap { trace?.cut($0) }
        let notes = [cutConsole, cutTrace, recorder?.cut].compactMap { $0?.sentence }
        printEnd(run.result, verdict, notes)
        EndingSignals.prolong()
        try account {
            var console = ConsoleReport(request.script, watch.findings)
            console.missing = cutConsole?.missing ?? 0
            var report = RunReport(
                kernel: request.imageName, verdict: verdict, run: run, console: console, detail: request.postMortem)
            report.trace.value = traced.map { .init(dropped: $0.dropped, missing: $0.missing) }
            report.recording.value = recorder.map { .init(missing: $0.missing) }
            return report
        }
        return Ended(
            verdict: verdict, result: run.result, missingConsoleBytes: cutConsole?.missing ?? 0, notes: notes,
            detail: request.postMortem)
    }

    /// Returns true if the end needs an explanation: the guest did not choose it, and it is not one of many.
    private func isExamined(_ outcome: Outcome, _ findings: ConsoleFindings) -> Bool {
        switch outcome {
        case .exitPort, .powerOff, .hostFailure: false
        case .console: findings.failure != nil
        case .reset, .tripleFault: request.onReset == .end
        case .panic, .internalError, .timeout, .hang, .signal, .terminal: true
        }
    }

    /// Reports features of the requested processor that this host lacks.
    private func warnOfMissingFeatures(_ hypervisor: borrowing Hypervisor) throws(KVMError) {
        guard let model = request.cpu, model != .host else { return }
        for feature in model.missing(from: try hypervisor.supportedCPUID()) {
            Self.say("warning: KVM does not offer the processor feature \(feature.name) here; the guest goes without")
        }
    }

    /// Prints the last lines: the console's tail if nobody saw it, the post-mortem, and one line with the result.
    private func printEnd(_ result: Machine.Result, _ verdict: Verdict, _ notes: [String]) {
        if request.console.isStandard, Self.isOneStream, !result.consoleTail.isEmpty,
            !result.consoleTail.hasSuffix("\n")
        {
            // An unfinished line of the guest's would hide the start of ours.
            try? BlockingCall.write([UInt8(ascii: "\n")], to: 2, "standard error")
        }
        if verdict.outcome != "passed" {
            let tail = result.consoleTail.split(whereSeparator: \.isNewline).suffix(5)
            if !request.console.isStandard { for line in tail { Self.say("console: \(line)") } }
            for line in request.postMortem.lines(of: result.postMortem) { Self.say(line) }
        }
        if result.unwrittenConsoleBytes > 0 {
            Self.say(
                """
                \(result.unwrittenConsoleBytes) bytes of the guest's console were lost: where they go is full, \
                failed, or took nothing for 10 s
                """
            )
        }
        for note in notes { Self.say(note) }
        Self.say(verdict.sentence)
    }

    /// True if the console and swiftlet's messages go to the same terminal, file or pipe.
    private static var isOneStream: Bool {
        var (output, errors) = (stat(), stat())
        return fstat(1, &output) == 0 && fstat(2, &errors) == 0 && output.st_dev == errors.st_dev
            && output.st_ino == errors.st_ino
    }

    private static func say(_ text: String) { StandardError.say(text) }
}
