import ArgumentParser
import Glibc
import LinuxSystem
import Scripting

/// `--report junit:PATH|tap:PATH|jsonl:PATH`.
struct SuiteReportOption: Equatable, ExpressibleByArgument, OptionValue {
    let format: SuiteReportFormat
    let path: String

    init(option text: String) throws(BadValue) {
        (format, path) = try SchemePath.format(text)
    }

    init?(argument: String) {
        guard let option = try? SuiteReportOption(option: argument) else { return nil }
        self = option
    }
}

/// A suite's report as a file, valid at any time.
///
/// A replacement is written to a file beside it that then takes its name, so that no reader ever sees half of it. A
/// pipe or terminal can't be rewritten: it gets such a report once, at the end.
final class SuiteReportFile {
    private let path: String
    private let file: OutputFile
    private var report: SuiteReport
    private var held: [UInt8] = []

    /// Opens it and writes its beginning, so that a path that can't be written costs no boot.
    init(_ option: SuiteReportOption, name: String, planned: Int) throws(ReportError) {
        report = SuiteReport(option.format, name: name, planned: planned)
        path = option.path
        do throws(OutputFileError) {
            file = try OutputFile(path)
        } catch {
            throw Self.failure(path, error)
        }
        try make(report.begin())
    }

    func add(_ result: SuiteResult) throws(ReportError) { try make(report.add(result.record)) }

    /// - Parameter reason: the reason for an early end; nil if there is none.
    func end(because reason: String? = nil) throws(ReportError) {
        try make(report.end(because: reason))
        if !held.isEmpty { try write(held) }
        if let error = OutputStream.closeError(of: file.descriptor.raw) { throw Self.failure(path, .system(error)) }
    }

    private func make(_ change: SuiteReportChange) throws(ReportError) {
        switch change {
        case .append(let bytes): try write(bytes)
        case .replace(let bytes):
            guard file.isRegular else {
                held = bytes
                return
            }
            do throws(OutputFileError) { try file.replace(with: bytes) } catch { throw Self.failure(path, error) }
        }
    }

    private static func failure(_ path: String, _ error: OutputFileError) -> ReportError {
        ReportError(description: "the report can't be written to \(path): \(error)", errno: error.errno)
    }

    /// By write(2), not at an offset: the path may name a pipe.
    private func write(_ bytes: [UInt8]) throws(ReportError) {
        if let error = OutputStream.write(bytes, to: file.descriptor.raw, path) {
            throw Self.failure(path, .system(error))
        }
    }
}
