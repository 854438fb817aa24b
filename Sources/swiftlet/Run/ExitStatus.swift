import Assignment
import Boot
import HostDevices
import KVM
import LinuxSystem
import VFIO
import Scripting
import SystemPackage
import VMM

/// swiftlet's exit statuses, a contract with scripts; docs/exit-status.md.
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
    /// Nothing was learnt about the guest; `git bisect run` skips.
    static let hostFailure: Int32 = 125

    // sysexits(3)
    static let usage: Int32 = 64
    static let badInput: Int32 = 65
    static let noInput: Int32 = 66
    static let unavailable: Int32 = 69
    static let cannotCreate: Int32 = 73
    static let noPermission: Int32 = 77

    /// The values a guest may hand through the exit port as they are. Others mean the same as 1: they would read as
    /// something else.
    static let guestValues: ClosedRange<UInt32> = 0...63
}

/// How a value that the guest wrote to the exit port becomes swiftlet's own exit status.
enum ExitPortStyle: String, CaseIterable, Sendable {
    /// 0...63 as they are, anything else 1.
    case plain
    /// As QEMU's isa-debug-exit: the value shifted left by one, and 1; the low eight bits of that, as exit(3) keeps
    /// them.
    case qemu

    func status(of value: UInt32) -> Int32 {
        switch self {
        case .plain: ExitStatus.guestValues.contains(value) ? Int32(value) : ExitStatus.failed
        case .qemu: Int32((value << 1 | 1) & 0xFF)
        }
    }
}

/// How a run ended, in the words and numbers that people and scripts get.
struct Verdict {
    /// One word for the report.
    let outcome: String
    let status: Int32
    /// One sentence for the last line.
    let sentence: String
    /// What ended the run, for a suite.
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

    /// How the last boot ended, what the console said, and how many boots there were before it.
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

    /// The same where some of what the run was to write is lost: nobody takes the run for a whole one by its status.
    func without(_ lost: String) -> Verdict {
        guard status == ExitStatus.passed else { return self }
        return Verdict(.hostFailure, outcome, ExitStatus.cannotCreate, "\(sentence); but \(lost) could not be written")
    }

    /// The same where a signal came before it was told.
    func followed(by cause: EndingSignals.Cause?) -> Verdict {
        guard case .signal(let signal)? = cause, status != 128 + signal else { return self }
        return Verdict(
            .interrupted, "interrupted", 128 + signal,
            "ended by \(EndingSignals.name(of: signal)); before that, \(sentence)")
    }
}

extension ExitStatus {
    /// The status of an error that kept a run from starting.
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

    /// Whether a call failed for what the host lacks, whatever it was made on: descriptors, memory, a disk that works.
    static func isShortage(_ errno: Errno) -> Bool {
        [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .ioError].contains(errno)
    }
}

/// An output of the run can't be made or written.
protocol OutputFailure: Error {
    /// nil where it was no system call.
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
    /// The status of a file that can't be read. That the host has no descriptor or memory left for it says nothing
    /// about the file.
    static func ofUnreadFile(_ cause: SystemCallError) -> Int32 {
        switch cause.errno {
        case .permissionDenied, .notPermitted: noPermission
        case let errno where isShortage(errno): hostFailure
        default: noInput
        }
    }

    /// The status of a function that KVM's own assignment refused.
    static func of(_ error: PCIAssignmentError) -> Int32 {
        error.error.errno == .permissionDenied ? noPermission : unavailable
    }

    /// The status of a function that can't be passed to a guest.
    static func of(_ error: DeviceNotReady) -> Int32 {
        switch error {
        case .notFound: noInput
        case .isBridge: usage
        case .nodeIsForbidden, .lockedMemoryIsLimited: noPermission
        case .nodeIsUnusable(let error) where isShortage(error.errno): hostFailure
        default: unavailable
        }
    }

    /// The status of a function that did not change hands.
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
        // Milliseconds, which is what people give: 0.7 s, not 0.7000000000000001 s.
        let seconds = (exact * 1000).rounded() / 1000
        return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}
