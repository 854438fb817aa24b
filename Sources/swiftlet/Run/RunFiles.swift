import Glibc
import HostDevices
import KVM
import LinuxSystem
import VMM

/// Everything that a run opens but its devices, which are opened with each machine: in this one file, in this order,
/// and before the guest's first instruction. From there on descriptors are handed on, and no path is looked up.
///
/// 1. what the caller left closed of the standard streams, and standard error once more, for the last sentence;
/// 2. the recording, which has all calls that follow;
/// 3. the reports, which tell of what keeps the run from starting;
/// 4. the console's file, `/dev/kvm`, the kernel's names, the trace, the kernel and all that it is handed.
///
/// docs/architecture.md says what a sandbox can count on.
final class RunFiles {
    /// The kernel or firmware, and what a kernel is handed: open, to be found by their paths.
    let inputs = InputFiles()
    /// Where the console goes and comes from; nil for nowhere.
    let output, input: Int32?
    private let consoleFile: Descriptor?
    let console: ConsoleFiles
    let limits: OutputLimits
    let hypervisor: Hypervisor
    let symbols: KernelSymbols
    let trace: TracedRun?
    /// The registers of the devices to be, for which room is made.
    let deviceBARs: [BARPlacement.Need]

    /// Standard streams that the caller left closed would be the next files that are opened, and the guest's console be
    /// written to them. None of them can be written to: what a console that was left closed loses is counted and told.
    static func openStandardStreams() {
        for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
        EndingSignals.openErrors()
    }

    /// Opens the recording; nil where none was asked for.
    static func recorder(_ request: RunRequest) throws(RecordingError) -> CallRecorder? {
        guard let path = request.record else { return nil }
        let limit = OutputLimits.limit(request.fileLimit, or: .recording)
        do throws(OutputFileError) { return try CallRecorder(path: path, limit: limit) } catch {
            throw RecordingError.notMade(path, error)
        }
    }

    /// Opens the rest, when the recording and the reports are open.
    /// - Parameter host: the recorder if there is a recording.
    init(_ request: RunRequest, through host: KernelInterface) throws {
        let file = try Self.consoleFile(request.console)
        let given: (output: Int32?, input: Int32?) =
            request.console.isStandard ? (1, 0) : (Self.number(of: file), nil)
        consoleFile = file
        (output, input) = (given.output, given.input)
        console = ConsoleFiles(output: given.output, input: given.input)
        limits = OutputLimits(request, consoleOutput: given.output)
        hypervisor = try Hypervisor(kernel: host)
        let asked = try request.symbols.map { [inputs] in try KernelSymbols($0, files: inputs) }
        trace = try TracedRun(request)
        EndingSignals.phase("opening the kernel")
        let kernel = try Self.kernel(request, inputs)
        symbols = asked ?? KernelSymbols(kernel: kernel, path: request.image)
        deviceBARs =
            request.testFunctions.flatMap { _ in
                InterruptTestFunction.registers.map { BARPlacement.Need($0.kind, size: $0.size) }
            } + request.devices.flatMap { HostFilesystem().baseAddressRegisters(of: $0.address) }
    }

    /// Opens the kernel or firmware and all that a kernel is handed.
    /// - Returns: the first of them.
    private static func kernel(_ request: RunRequest, _ inputs: InputFiles) throws(MachineError) -> InputFile {
        if let firmware = request.firmware {
            do { return try inputs.open(firmware) } catch { throw .noFirmware(path: firmware, cause: error) }
        }
        func open(_ path: String) throws(MachineError) -> InputFile {
            do { return try inputs.open(path) } catch { throw .noKernel(path: path, cause: error) }
        }
        let kernel = try open(request.kernel)
        for module in request.allModules { _ = try open(module.path) }
        return kernel
    }

    private static func consoleFile(_ option: ConsoleOption) throws(ConsoleError) -> Descriptor? {
        guard case .file(let path) = option else { return nil }
        do throws(OutputFileError) {
            return try OutputFile(path, appends: true).release()
        } catch {
            throw ConsoleError(description: "the console can't be written to \(path): \(error)", errno: error.errno)
        }
    }

    /// Borrowing by its signature: a pattern on the file itself takes it over, and closes it before the run.
    private static func number(of file: borrowing Descriptor?) -> Int32? {
        switch file {
        case .some(let file): file.raw
        case .none: nil
        }
    }
}
