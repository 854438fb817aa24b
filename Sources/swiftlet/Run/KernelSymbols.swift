import Bytes
import Glibc
import LinuxSystem
import PostMortem
import VMM

/// The file with the kernel's symbols for a post-mortem. It is opened before the run, and read only if needed.
final class KernelSymbols {
    private let path: String
    private let wasAsked: Bool
    /// A file that the run reads anyway, or a pipe that had to be read at once; nil if `file` is set.
    private let opened: InputFile?
    private let file: Descriptor?
    /// Keeps the contents of a compressed kernel, once it is loaded; nil for the file of `--symbols`.
    private let files: InputFiles?

    private var input: InputFile? { files?.unpacked(path) ?? opened }

    /// A limit above the size of any System.map.
    private static let mapLimit: UInt64 = 64 << 20

    /// Opens the file of `--symbols`, so that a wrong path costs no boot.
    /// - Parameter files: keeps the contents of a pipe, which is read now, since its writer waits.
    init(_ path: String, files: InputFiles) throws(SymbolFileError) {
        self.path = path
        wasAsked = true
        self.files = nil
        do throws(SystemCallError) {
            if Self.isPipe(path) {
                opened = try files.open(path)
                file = nil
            } else {
                // Opened again: it may be a file that is generated while it is read.
                file = try Descriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
                opened = nil
            }
        } catch { throw SymbolFileError(path: path, cause: error) }
    }

    /// - Parameters:
    ///   - kernel: the booted file, which may have symbols of its own.
    ///   - files: has its contents if it is compressed.
    init(kernel: InputFile, path: String, files: InputFiles) {
        (self.path, wasAsked, self.files) = (path, false, files)
        opened = kernel
        file = nil
    }

    /// The time limits for reading them in nanoseconds; a kernel's take some 50 ms, and more than a second on an
    /// emulated host. After a signal there is less time.
    private static let (time, timeAtSignal): (UInt64, UInt64) = (4_000_000_000, 150_000_000)

    /// - Parameter notice: receives a sentence about a requested file without symbols, and about symbols that were left
    ///   out.
    func read(notice: (String) -> Void) -> SymbolTable? {
        let isSignal = if case .signal? = EndingSignals.cause { true } else { false }
        let end = MonotonicClock.now + (isSignal ? Self.timeAtSignal : Self.time)
        let table = try? table {
            // Reading makes progress; the later steps have their own time.
            EndingSignals.prolong()
            return MonotonicClock.now >= end
        }
        switch table?.omission {
        case .count(let count)?: notice("\(path) has more than \(count) symbols: the others were left out")
        case .time(let count)?:
            notice(
                "\(path) has more symbols than there was time to read: only the first \(count) were read")
        case nil: break
        }
        if table == nil, wasAsked { notice("\(path) names no symbols: \(reason)") }
        return table
    }

    private var reason: String {
        if String(decoding: (try? start()) ?? [], as: UTF8.self).contains("The real System.map is in") {
            return
                """
                it is Debian's placeholder, the System.map is in the kernel's -dbg package; if the host runs this \
                kernel, try /proc/kallsyms
                """
        }
        return "it is neither an ELF file with a symbol table nor a System.map"
    }

    private func start() throws(SystemCallError) -> [UInt8] {
        if let input { return try input.descriptor.read(count: Int(min(input.size, 256)), at: 0) }
        return try withFile { (file) throws(SystemCallError) in try Self.generated(file, limit: 256) } ?? []
    }

    private func withFile<Result>(_ body: (borrowing Descriptor) throws(SystemCallError) -> Result?)
        throws(SystemCallError) -> Result?
    {
        switch file {
        case .some(let file): try body(file)
        case .none: nil
        }
    }

    private static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return ByteText.withCString(path) { stat($0, &status) } == 0
            && (status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFSOCK)
    }

    private func table(isOver: () -> Bool) throws(SystemCallError) -> SymbolTable? {
        if let input { return try table(input.descriptor, size: input.size, isOver) }
        return try withFile { (file) throws(SystemCallError) in
            var status = stat()
            // A pipe would never end.
            guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return try table(file, size: UInt64(max(status.st_size, 0)), isOver)
        }
    }

    private func table(_ file: borrowing Descriptor, size: UInt64, _ isOver: () -> Bool) throws(SystemCallError)
        -> SymbolTable?
    {
        let elf = SymbolTable(
            elf: { offset, count in
                guard count >= 0, offset <= size, UInt64(count) <= size - offset else { return nil }
                return try? file.read(count: count, at: offset)
            }, isOver: isOver)
        if let elf { return elf }
        guard wasAsked, size <= Self.mapLimit else { return nil }
        return SymbolTable(
            map: size > 0 ? try file.read(count: Int(size), at: 0) : try Self.generated(file, isOver: isOver),
            isOver: isOver)
    }

    /// Reads a file of unknown size: /proc/kallsyms.
    private static func generated(
        _ file: borrowing Descriptor, limit: UInt64 = mapLimit, isOver: () -> Bool = { false }
    ) throws(SystemCallError) -> [UInt8] {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while UInt64(text.count) < limit {
            let count = pread(file.raw, &piece, piece.count, off_t(text.count))
            guard count >= 0 else { throw .last("read", file.object) }
            guard count > 0 else { break }
            text += piece[..<count]
            // The kernel generates it while it is read, which takes time. The parser detects and reports a truncated
            // one.
            if isOver() { break }
        }
        return text
    }
}

/// The file of `--symbols` can't be opened.
struct SymbolFileError: Error, CustomStringConvertible {
    let path: String
    let cause: SystemCallError

    var description: String { "the symbols can't be read from \(path): \(cause.errno)" }
}
