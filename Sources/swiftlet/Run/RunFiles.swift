import Glibc
import HostDevices
import KVM
import LinuxSystem
import VMM

/// All files that a run opens, except devices, which are opened with each machine: in this one file, in this order,
/// and before the guest's first instruction. After that no path is looked up.
///
/// 1. closed standard streams, and standard error once more, for the last line;
/// 2. the recording, which has all later calls;
/// 3. the reports, which include errors that prevent the start;
/// 4. the console's file, `/dev/kvm`, the kernel's symbols, the trace, the kernel and its modules.
///
/// docs/architecture.md has the guarantees for a sandbox.
final class RunFiles {
    /// The kernel or firmware, and the files passed to a kernel: open, and found by their paths.
    let inputs = InputFiles()
    /// The console's output and input; nil for none.
    let output, input: Int32?
    private let consoleFile: Descriptor?
    let console: ConsoleFiles
    let limits: OutputLimits
    let hypervisor: Hypervisor
    let symbols: KernelSymbols
    let trace: TracedRun?
    /// The BARs of the future devices, for which space is reserved.
    let deviceBARs: [BARPlacement.Need]

    /// Opens closed standard streams on /dev/null: otherwise the next files would get their numbers, and the guest's
    /// console would be written to them. They are read-only, so that lost output of a closed console is counted and
    /// reported.
    static func openStandardStreams() {
        for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
        EndingSignals.openErrors()
    }

    /// Opens the recording; nil if none was requested.
    static func recorder(_ request: RunRequest) throws(RecordingError) -> CallRecorder? {
        guard let path = request.record else { return nil }
        let limit = OutputLimits.limit(request.fileLimit, or: .recording)
        do throws(OutputFileError) { return try CallRecorder(path: path, limit: limit) } catch {
            throw RecordingError.notMade(path, error)
        }
    }

    /// Opens the rest, after the recording and the reports.
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
        symbols = asked ?? KernelSymbols(kernel: kernel, path: request.image, files: inputs)
        deviceBARs =
            request.testFunctions.flatMap { _ in
                InterruptTestFunction.registers.map { BARPlacement.Need($0.kind, size: $0.size) }
            } + request.devices.flatMap { HostFilesystem().baseAddressRegisters(of: $0.address) }
    }

    /// Opens the kernel or firmware and all files passed to a kernel.
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

    /// Borrows the file by its signature: a pattern on the file itself would take it over, and close it before the run.
    private static func number(of file: borrowing Descriptor?) -> Int32? {
        switch file {
        case .some(let file): file.raw
        case .none: nil
        }
    }
}
