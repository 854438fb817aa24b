import Glibc
import KVM
public import LinuxSystem
import X86

extension Machine {
    /// Runs until the guest, a signal, the time limit or a failure ends it. To be called once.
    /// - Parameters:
    ///   - signals: requests to end swiftlet, created before any other thread was started.
    ///   - watch: observes the guest's console, answers there, and may end the run.
    public func run(signals: borrowing some EndRequests & ~Copyable, watch: (any ConsoleWatch)? = nil)
        throws(MachineError) -> Result
    {
        Thread.prepare()
        let terminal = configuration.consoleInput.flatMap {
            Terminal($0, takesSignalKeys: configuration.terminalKeys.signalKeys == .guest)
        }
        let workers = try vcpus.map { vcpu throws(MachineError) in
            VCPUThread(
                vcpu, kick: kick, ports: ports, mmio: mmio, bridge: bridge, runState: runState, track: try track(vcpu))
        }
        configuration.trace?.name(bridge.names)
        configuration.trace?.follow(Array(lines.values))
        defer { configuration.trace?.follow([]) }
        self.workers = workers
        span = TimeSpan()
        let start = runState.now
        configuration.consoleStamps?.begin(at: MonotonicClock.now)
        do {
            var threads = VCPUThreads()
            do throws(SystemCallError) {
                try startThreads(&threads)
                try serve(signals, watch, threads, start: start)
            } catch {
                runState.finish(.hostFailure("\(error)"))
            }
            console.close()
            for vcpu in vcpus { vcpu.requestExit() }
            span.end()
            threads.dismiss()
        }
        let duration = Double(runState.now - start) / 1e9
        EndingSignals.prolong()
        // Keys are no longer read: from here on ^C ends anything that takes long.
        _ = consume terminal
        let ended = MonotonicClock.now
        let unwritten = console.flush(
            { watch?.receive($0, at: duration) },
            isImpatient: { tenths in signals.nextSignal() != nil || isUp(since: ended, tenths) })
        watch?.close(at: duration)
        var exits = ExitCounts()
        for worker in workers { exits.add(worker.counts) }
        return Result(
            outcome: runState.outcome ?? .hostFailure("the run ended without an outcome"), duration: duration,
            exits: exits,
            consoleTail: console.lastLines, unwrittenConsoleBytes: unwritten, postCode: post.code)
    }

    /// Starts the vCPUs' threads. Those that are traced open an account of their time, all before the first guest
    /// instruction.
    private func startThreads(_ threads: inout VCPUThreads) throws(SystemCallError) {
        let gate = configuration.trace.map { _ in StartGate(workers.count) }
        do throws(SystemCallError) {
            for worker in workers {
                try threads.start("vcpu \(worker.vcpu.number)") { worker.run(behind: gate) }
            }
        } catch {
            gate?.open()
            throw error
        }
    }

    /// Returns true if the rest of the console is to be given up: a process that was asked to end has little time, and
    /// one at its time limit does not wait for a stalled reader.
    private func isUp(since ended: UInt64, _ tenths: Int) -> Bool {
        if tenths == 0 { EndingSignals.prolong() }
        let now = MonotonicClock.now
        switch runState.outcome {
        case .signal, .terminal: return now - ended > 400_000_000
        default: break
        }
        guard tenths >= 3, let timeout = configuration.timeout else { return false }
        return runState.outcome == .timeout(seconds: timeout)
            || runState.now >= (configuration.timeoutStart ?? ended) + UInt64(timeout * 1e9)
    }

    private func track(_ vcpu: VirtualCPU) throws(MachineError) -> VCPUTrack? {
        let ecam = configuration.hasFirmware ? PhysicalLayout.firmwareECAM : PhysicalLayout.ecam
        do { return try configuration.trace?.track(Int(vcpu.number), of: configuration.cpus, ecam: ecam) } catch {
            throw .system(error)
        }
    }

    /// Runs the main thread's part until the run has ended: console, signals, time and all registered sources.
    private func serve(
        _ signals: borrowing some EndRequests & ~Copyable, _ watch: (any ConsoleWatch)?,
        _ threads: borrowing VCPUThreads, start: UInt64
    ) throws(SystemCallError) {
        let loop = mainLoop
        let (output, requests, alarmed, serialPort) = (Readiness(), Readiness(), Readiness(), Readiness())
        let sources = [
            try loop.add(wake.event.raw) { [wake] in _ = wake.event.readCount() },
            try output.add(console.ready.raw, to: loop),
            try requests.add(signals.raw, to: loop), try alarmed.add(alarm.timer.raw, to: loop),
            try serialPort.add(serial.attention.raw, to: loop),
        ]
        defer { for source in sources { loop.remove(source) } }
        var typed = TerminalInput(
            configuration.consoleInput, configuration.terminalKeys, words: consoleFiles.terminal, serial: serial,
            loop: loop)
        var input = ConsoleInput(configuration.consoleInput, serial: serial, loop: loop)
        if configuration.terminalKeys.endsRun { runState.finish(.terminal) }
        let deadline = configuration.timeout.map { (configuration.timeoutStart ?? start) + UInt64($0 * 1e9) }
        var hasOutput = false
        var isSerialDue = false
        var nextLook: UInt64?
        var halts = HangDetector(from: start)
        let member = runState.join(interrupt: { [wake] in wake.event.signal() })
        defer { member.leave() }
        func elapsed() -> Double { Double(runState.now - start) / 1e9 }
        while !runState.isFinished {
            if runState.isParked {
                try standStill(member, signals)
                // Parked vCPUs used no processor time.
                halts = HangDetector(from: runState.now)
                continue
            }
            var patience: Int32 = hasOutput || isSerialDue ? 1 : -1
            let now = runState.now
            if let deadline, now >= deadline {
                ask(threads)
                runState.finish(.timeout(seconds: configuration.timeout ?? 0))
                break
            }
            if now >= halts.next { lookForHang(&halts, threads, now) }
            for time in [deadline, nextLook, halts.next] {
                guard let time else { continue }
                let rest = Int32(clamping: (max(time, now) - now) / 1_000_000 + 1)
                patience = patience < 0 ? rest : min(patience, rest)
            }
            let isBurst = hasOutput
            let isResumed = isSerialDue
            loop.wait(milliseconds: patience)
            if runState.isParked { continue }
            if output.consume() { hasOutput = console.ready.readCount() > 0 }
            if requests.consume(), let signal = signals.nextSignal() { runState.finish(.signal(signal)) }
            if alarmed.consume(), alarm.timer.readExpiry() { clock.timerExpired() }
            isSerialDue = serialPort.consume() && serial.attention.readCount() > 0
            if isBurst { hasOutput = console.drain { watch?.receive($0, at: elapsed()) } }
            // Bytes that have just begun to arrive are not drained yet, and would look like a pause.
            if let watch, isBurst || !hasOutput {
                let action = watch.look(at: elapsed())
                if !action.input.isEmpty { action.input.withUnsafeBytes { serial.receive($0) } }
                if action.endsRun {
                    if action.isFailure { ask(threads) }
                    runState.finish(.console)
                }
                nextLook = action.next.map { start + UInt64(max($0, 0) * 1e9) }
                console.allow(watch.room)
            }
            if isResumed { serial.resume() }
            input.carry(loop)
            if typed?.carry(loop) == true {
                ask(threads)
                runState.finish(.terminal)
            }
        }
    }
}

extension Machine {
    /// Parks the main thread; a signal still ends the run, and the time limit is paused.
    private func standStill(_ member: RunMember, _ signals: borrowing some EndRequests & ~Copyable)
        throws(SystemCallError)
    {
        let loop = try EventLoop("parked main thread")
        try loop.watch(runState.go.raw, token: 0)
        try loop.watch(signals.raw, token: 1)
        EndingSignals.holdLimit()
        member.standStill {
            loop.wait { token in
                if token == 1, let signal = signals.nextSignal() { runState.finish(.signal(signal)) }
            }
        }
        try EndingSignals.releaseLimit()
    }

    /// Samples each vCPU's RIP five times, up to 50 ms apart.
    private func ask(_ threads: borrowing VCPUThreads) {
        for _ in 0..<5 {
            let before = workers.map(\.looks)
            let limit = MonotonicClock.now + 50_000_000
            threads.kick()
            repeat { usleep(1000) } while MonotonicClock.now < limit && zip(workers, before).contains { $0.looks == $1 }
        }
    }

    /// Ends the run if no vCPU will ever run again.
    private func lookForHang(_ halts: inout HangDetector, _ threads: borrowing VCPUThreads, _ now: UInt64) {
        let areAsleep = workers.allSatisfy(\.sleepsForGood)
        switch halts.look(at: now, processorTime: threads.processorTime, areAsleep: areAsleep) {
        case .wait: break
        case .ask:
            for worker in workers { worker.askForSleep() }
            threads.kick()
        case .over:
            let pins = (try? vm.ioapic()).flatMap { IOAPIC(state: $0) }?.pins
            if let pins, pins.contains(where: { $0.isUnmaskable && !$0.isMasked }) || bridge.sendsUnmaskableMessages {
                halts.leave()
            } else {
                runState.finish(.hang)
            }
        }
    }
}
