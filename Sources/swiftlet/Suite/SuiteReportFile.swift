import ArgumentParser
import Glibc
import LinuxSystem
import Scripting

/// `--report junit:PATH|tap:PATH|jsonl:PATH`.
struct SuiteReportOption: Equatable, ExpressibleByArgument {
    let format: SuiteReportFormat
    let path: String

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let format = SuiteReportFormat(rawValue: String(parts[0])) else { return nil }
        self.format = format
        path = String(parts[1])
    }
}

/// A suite's report as a file, valid whenever it is looked at.
///
/// What replaces the whole goes to a file beside it that then takes its name, so that no reader ever sees half of it. A pipe or terminal can't
/// take anything back: it gets such a report once, at the end.
final class SuiteReportFile {
    private let path: String
    private let isPlain: Bool
    private var descriptor: Descriptor
    private var report: SuiteReport
    private var held: [UInt8] = []

    /// Opens it and writes its beginning, so that a path that can't be written costs no boot.
    init(_ option: SuiteReportOption, name: String, planned: Int) throws(ReportError) {
        report = SuiteReport(option.format, name: name, planned: planned)
        // A stream of this process may be a file all the same, in which others have written.
        let isStream = option.path.hasPrefix("/dev/") || option.path.hasPrefix("/proc/")
        do throws(SystemCallError) {
            descriptor = try Descriptor(opening: option.path, flags: isStream ? O_WRONLY | O_APPEND : O_WRONLY | O_CREAT | O_TRUNC)
        } catch {
            throw ReportError(description: "the report can't be written to \(option.path): \(error.errno)")
        }
        var status = stat()
        isPlain = !isStream && fstat(descriptor.raw, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        // Where a link leads, which is not to be replaced itself.
        var whole = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let isResolved = realpath(option.path, &whole) != nil
        path = isPlain && isResolved ? String(decoding: whole.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : option.path
        try make(report.begin())
    }

    func add(_ result: SuiteResult) throws(ReportError) { try make(report.add(result.record)) }

    /// - Parameter reason: why the suite ends before its end; nil where it does not.
    func end(because reason: String? = nil) throws(ReportError) {
        try make(report.end(because: reason))
        if !held.isEmpty { try write(held, to: descriptor) }
    }

    private func make(_ change: SuiteReportChange) throws(ReportError) {
        switch change {
        case .append(let bytes): try write(bytes, to: descriptor)
        case .replace(let bytes):
            guard isPlain else {
                held = bytes
                return
            }
            let beside = "\(path).partial"
            let file: Descriptor
            do throws(SystemCallError) {
                file = try Descriptor(opening: beside, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
            } catch {
                throw failure(error)
            }
            try write(bytes, to: file)
            guard rename(beside, path) == 0 else { throw failure(.last("rename", beside)) }
        }
    }

    private func failure(_ error: SystemCallError) -> ReportError { ReportError(description: "the report can't be written to \(path): \(error.errno)") }

    /// By write(2), not at an offset: the path may name a pipe.
    private func write(_ bytes: [UInt8], to file: borrowing Descriptor) throws(ReportError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file.raw, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw failure(.last("write", path)) }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
