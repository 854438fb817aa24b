import Bytes
import Glibc
import LinuxSystem
import PostMortem
import VMM

/// The file that holds the kernel's names for a post-mortem. It is read only if there is need.
struct KernelSymbols {
    private let path: String
    private let wasAsked: Bool
    private let files: InputFiles

    /// More bytes than any System.map has.
    private static let mapLimit: UInt64 = 64 << 20

    /// - Parameters:
    ///   - asked: `--symbols`. Looked at before the run, so that a wrong path costs no boot.
    ///   - kernel: what is booted.
    ///   - files: where it is kept if it came through a pipe. A pipe that was asked for is read now, since whoever
    ///     writes it waits.
    init(asked: String?, kernel: String, files: InputFiles) throws(SymbolFileError) {
        self.files = files
        path = asked ?? kernel
        wasAsked = asked != nil
        guard let asked else { return }
        do throws(SystemCallError) {
            if Self.isPipe(asked) {
                _ = try files.open(asked)
            } else {
                _ = try Descriptor(opening: asked, flags: O_RDONLY)
            }
        } catch { throw SymbolFileError(path: asked, cause: error) }
    }

    /// How long reading them may take, in nanoseconds; a kernel's take some 50 ms, and on an emulated host more than a
    /// second. Where a signal asks the process to end there is less time for all.
    private static let (time, timeAtSignal): (UInt64, UInt64) = (4_000_000_000, 150_000_000)

    /// - Parameter notice: told, as a sentence, of a file that was asked for and names nothing, and of names that were
    ///   left out.
    func read(notice: (String) -> Void) -> SymbolTable? {
        let isSignal = if case .signal? = EndingSignals.cause { true } else { false }
        let end = MonotonicClock.now + (isSignal ? Self.timeAtSignal : Self.time)
        let table = try? table {
            // Who reads gets on, and what follows has its own time.
            EndingSignals.prolong()
            return MonotonicClock.now >= end
        }
        switch table?.omission {
        case .count(let count)?: notice("\(path) has more than \(count) symbols: the others were left out")
        case .time(let count)?:
            notice(
                "\(path) has more symbols than there was time to read: those behind the first \(count) were left out")
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
        if let kept = files.kept(path) { return try kept.descriptor.read(count: Int(min(kept.size, 256)), at: 0) }
        let file = try Descriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
        return try Self.generated(file, limit: 256)
    }

    private static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return ByteText.withCString(path) { stat($0, &status) } == 0
            && (status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFSOCK)
    }

    private func table(isOver: () -> Bool) throws(SystemCallError) -> SymbolTable? {
        if let kept = files.kept(path) { return try table(kept.descriptor, size: kept.size, isOver) }
        // A pipe would never end.
        let file = try Descriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try table(file, size: UInt64(max(status.st_size, 0)), isOver)
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

    /// A file whose size nobody knows before it was read: /proc/kallsyms.
    private static func generated(
        _ file: borrowing Descriptor, limit: UInt64 = mapLimit, isOver: () -> Bool = { false }
    ) throws(SystemCallError) -> [UInt8] {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while UInt64(text.count) < limit {
            let count = Glibc.read(file.raw, &piece, piece.count)
            guard count >= 0 else { throw .last("read", file.object) }
            guard count > 0 else { break }
            text += piece[..<count]
            // The kernel makes it as it is read, which takes its time. Whoever takes it apart finds that there is no
            // more, and says so.
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
