import Assignment
import Boot
import HostDevices
import KVM
import LinuxSystem
import VFIO
import Scripting
import SystemPackage
import VMM

/// swiftlet's exit statuses, on which scripts rely; docs/exit-status.md.
enum ExitStatus {
    static let passed: Int32 = 0
    static let failed: Int32 = 1
    static let panic: Int32 = 101
    static let tripleFault: Int32 = 102
    static let reset: Int32 = 103
    static let internalError: Int32 = 104
    /// The user ended the run at the terminal: as ^C does, 128 + SIGINT.
    static let endedByUser: Int32 = 130
    static let timeout: Int32 = 124
    /// There is no verdict about the guest; `git bisect run` skips.
    static let hostFailure: Int32 = 125

    // sysexits(3)
    static let usage: Int32 = 64
    static let badInput: Int32 = 65
    static let noInput: Int32 = 66
    static let unavailable: Int32 = 69
    static let cannotCreate: Int32 = 73
    static let noPermission: Int32 = 77

    /// The values of the exit port that become the exit status unchanged. Other values become 1: their own numbers have
    /// other meanings.
    static let guestValues: ClosedRange<UInt32> = 0...63
}

/// The conversion of the guest's value at the exit port to swiftlet's exit status.
enum ExitPortStyle: String, CaseIterable, Sendable {
    /// 0...63 unchanged, any other value 1.
    case plain
    /// Like QEMU's isa-debug-exit: the value shifted left by one, plus 1; the low eight bits of that, which exit(3)
    /// keeps.
    case qemu

    func status(of value: UInt32) -> Int32 {
        switch self {
        case .plain: ExitStatus.guestValues.contains(value) ? Int32(value) : ExitStatus.failed
        case .qemu: Int32((value << 1 | 1) & 0xFF)
        }
    }
}

/// The result of a run, in words and numbers for people and scripts.
struct Verdict {
    /// One word for the report.
    let outcome: String
    let status: Int32
    /// One sentence for the last line.
    let sentence: String
    /// The end of the run, for a suite.
    let ending: RunResult.Ending

    init(_ outcome: Outcome, exitPortStyle style: ExitPortStyle = .plain) {
        switch outcome {
        case .exitPort(let value):
            let word = value == 0 ? "passed" : "failed"
            self.init(.exitPort, word, style.status(of: value), "\(word): the guest wrote \(value) to the exit port")
        case .powerOff: self.init(.powerOff, "passed", ExitStatus.passed, "passed: the guest powered itself off")
        case .panic: self.init(.panic, "panic", ExitStatus.panic, "the guest said through port 0x505 that it panicked")
        case .reset(let how): self.init(.reset, "reset", ExitStatus.reset, "the guest reset itself (\(how))")
        case .tripleFault(let vcpu):
            self.init(
                .tripleFault, "triple-fault", ExitStatus.tripleFault,
                "triple fault on vCPU \(vcpu): an exception came while none could be handled")
        case .internalError(let vcpu, let reason, _):
            self.init(
                .internalError, "internal-error", ExitStatus.internalError,
                "KVM could not go on with vCPU \(vcpu): \(reason)")
        case .timeout(let seconds):
            self.init(
                .timeout, "timeout", ExitStatus.timeout,
                "timeout: the guest was still running after \(Duration.words(seconds))")
        case .hang:
            self.init(
                .hang, "hang", ExitStatus.timeout,
                "hang: the guest is halted with interrupts off, and nothing is left that could wake it")
        case .console: self.init(.console, "passed", ExitStatus.passed, "passed: the console said what was asked for")
        case .terminal: self.init(.interrupted, "interrupted", ExitStatus.endedByUser, "ended from the keyboard (^A x)")
        case .signal(let signal):
            self.init(.interrupted, "interrupted", 128 + signal, "ended by \(EndingSignals.name(of: signal))")
        case .hostFailure(let reason):
            self.init(
                .hostFailure, "host-failure", ExitStatus.hostFailure,
                "the host failed, which says nothing about the guest: \(reason)")
        }
    }

    /// Combines the end of the last boot, the console's findings, and the number of boots before it.
    init(
        _ run: RebootLoop.Account, exitPortStyle style: ExitPortStyle, script: ConsoleScript, findings: ConsoleFindings
    ) {
        let last = Verdict(run.result.outcome, exitPortStyle: style, script, findings)
        let times = run.reboots == 1 ? "once" : "\(run.reboots) times"
        let history =
            run.reboots == 0 ? "" : "; before, it had reset itself \(times), the last time by \(run.lastReset)"
        self.init(last.ending, last.outcome, last.status, last.sentence + history)
    }

    init(_ ending: RunResult.Ending, _ outcome: String, _ status: Int32, _ sentence: String) {
        self.ending = ending
        self.outcome = outcome
        self.status = status
        self.sentence = sentence
    }

    /// Returns the verdict for lost output: the status must not show a complete run.
    func without(_ lost: String) -> Verdict {
        guard status == ExitStatus.passed else { return self }
        return Verdict(.hostFailure, outcome, ExitStatus.cannotCreate, "\(sentence); but \(lost) could not be written")
    }

    /// Returns the verdict after a signal that came before it was printed.
    func followed(by cause: EndingSignals.Cause?) -> Verdict {
        guard case .signal(let signal)? = cause, status != 128 + signal else { return self }
        return Verdict(
            .interrupted, "interrupted", 128 + signal,
            "ended by \(EndingSignals.name(of: signal)); before that, \(sentence)")
    }
}

extension ExitStatus {
    /// Returns the status of an error that kept a run from starting.
    static func of(_ error: any Error) -> Int32 {
        switch error {
        case let error as MachineError:
            switch error {
            case .kvm(let error): of(error)
            case .system, .firmwareFiles: hostFailure
            case .noKernel(_, let cause), .noFirmware(_, let cause): ofUnreadFile(cause)
            case .badKernel, .badFirmware: badInput
            case .tooManyCPUs, .badMemorySize, .noTables, .clash, .noTestDevice, .noFunction: usage
            case .hugePages: unavailable
            }
        case let error as KVMError:
            if case .noPermission = error { noPermission } else { hostFailure }
        case let error as AssignmentError:
            switch error {
            case .vfio(_, let error): of(error)
            case .kvm(_, let error): of(error)
            case .legacy(let error): of(error)
            case .system: hostFailure
            case .noAccess: noPermission
            case .plug, .repeated: usage
            case .unfit, .refused: unavailable
            }
        case let error as VFIOError:
            switch error {
            case .noPermission, .memoryLock: noPermission
            case .unavailable, .notViable, .groupBusy, .unsupported, .fewerVectors: unavailable
            case .call: hostFailure
            }
        case let error as DeviceNotReady: of(error)
        case let error as DriverBindingError: of(error)
        case let error as SymbolFileError: ofUnreadFile(error.cause)
        case let error as FileClash: error.status
        case let error as any OutputFailure: error.errno.map(isShortage) == true ? hostFailure : cannotCreate
        default: hostFailure
        }
    }

    /// Returns true if a call failed because the host lacks descriptors, memory or a working disk.
    static func isShortage(_ errno: Errno) -> Bool {
        [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .ioError].contains(errno)
    }
}

/// An output of the run that can't be created or written.
protocol OutputFailure: Error {
    /// The errno; nil if it was no system call.
    var errno: Errno? { get }
}

extension RecordingError: OutputFailure {
    var errno: Errno? {
        switch self {
        case .notMade(_, let error): error.errno
        case .unwritten(_, let error), .unreadable(_, let error): error.errno
        default: nil
        }
    }
}

extension ExitStatus {
    /// Returns the status of a file that can't be read. A lack of descriptors or memory on the host says nothing about
    /// the file.
    static func ofUnreadFile(_ cause: SystemCallError) -> Int32 {
        switch cause.errno {
        case .permissionDenied, .notPermitted: noPermission
        case let errno where isShortage(errno): hostFailure
        default: noInput
        }
    }

    /// Returns the status of a function that KVM's own assignment refused.
    static func of(_ error: PCIAssignmentError) -> Int32 {
        error.error.errno == .permissionDenied ? noPermission : unavailable
    }

    /// Returns the status of a function that can't be passed to a guest.
    static func of(_ error: DeviceNotReady) -> Int32 {
        switch error {
        case .notFound: noInput
        case .isBridge: usage
        case .nodeIsForbidden, .lockedMemoryIsLimited: noPermission
        case .nodeIsUnusable(let error) where isShortage(error.errno): hostFailure
        default: unavailable
        }
    }

    /// Returns the status of a function whose driver was not changed.
    static func of(_ error: DriverBindingError) -> Int32 {
        switch error {
        case .notFound: noInput
        case .isBridge, .isPartOfHost: usage
        case .isNotPermitted: noPermission
        case .failed(_, let error) where isShortage(error.errno): hostFailure
        case .couldNotBePutBack(_, let first): of(first)
        case .driverIsNotLoaded, .isInUse, .failed, .wasNotTaken: unavailable
        }
    }
}

/// A duration in words: `90 s`, `1.5 s`.
enum Duration {
    static func words(_ exact: Double) -> String {
        // Rounded to milliseconds, which people use: 0.7 s, not 0.7000000000000001 s.
        let seconds = (exact * 1000).rounded() / 1000
        return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}
