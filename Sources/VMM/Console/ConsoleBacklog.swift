import LinuxSystem

/// Console bytes that their reader has not accepted yet, in order: up to 1 MiB in memory, up to 1 GiB more in a file
/// without a name.
///
/// The file is a ring of fixed size, so that it does not grow for a slow but steady reader.
struct ConsoleBacklog: ~Copyable {
    private let memoryLimit: Int
    private let fileLimit: Int
    /// The oldest bytes, from `start` on.
    private var memory: [UInt8] = []
    private var start = 0
    private let file: BacklogFile?
    /// Byte number N of all that went into the file is at N modulo `fileLimit`.
    private var fileStart = 0
    private var fileEnd = 0

    /// - Parameter file: used only by this backlog; nil if none could be created: then only memory is used.
    init(memoryLimit: Int = 1 << 20, fileLimit: Int = 1 << 30, file: BacklogFile? = .make()) {
        self.file = file
        self.memoryLimit = memoryLimit
        self.fileLimit = fileLimit
    }

    private var inMemory: Int { memory.count - start }
    private var inFile: Int { fileEnd - fileStart }

    var count: Int { inMemory + inFile }

    /// Appends all of the bytes or none.
    /// - Returns: false if there is no room for them, in the file's bounds or on the disk.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard inFile > 0 || inMemory + bytes.count > memoryLimit else {
            if start > memoryLimit {
                memory.removeFirst(start)
                start = 0
            }
            memory.append(contentsOf: bytes)
            return true
        }
        return spill(bytes)
    }

    private mutating func spill(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let file, inFile + bytes.count <= fileLimit else { return false }
        do throws(SystemCallError) {
            let place = fileEnd % fileLimit
            let first = min(bytes.count, fileLimit - place)
            try file.descriptor.write(UnsafeRawBufferPointer(rebasing: bytes[..<first]), at: UInt64(place))
            try file.descriptor.write(UnsafeRawBufferPointer(rebasing: bytes[first...]), at: 0)
        } catch {
            return false
        }
        fileEnd += bytes.count
        return true
    }

    /// Passes the oldest bytes to `consume`, at least one if there are any.
    /// - Parameter consume: returns how many of them to remove.
    mutating func withOldest(_ consume: (UnsafeRawBufferPointer) -> Int) {
        if inMemory == 0, inFile > 0 { fetch() }
        guard inMemory > 0 else { return }
        let taken = memory.withUnsafeBytes { consume(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        start += taken
        guard inMemory == 0 else { return }
        memory.removeAll(keepingCapacity: true)
        start = 0
    }

    /// Reads a piece of the file into memory.
    private mutating func fetch() {
        let place = fileStart % fileLimit
        let count = min(inFile, fileLimit - place, 1 << 16)
        do throws(SystemCallError) {
            memory = try file?.descriptor.read(count: count, at: UInt64(place)) ?? []
            start = 0
            fileStart += count
        } catch {
            // Bytes that can't be read back stay counted, and are reported as lost when the run gives its reader up.
        }
        if inFile == 0 { (fileStart, fileEnd) = (0, 0) }
    }

    /// Removes everything, and frees the space on disk.
    mutating func removeAll() {
        memory = []
        file?.empty()
        (start, fileStart, fileEnd) = (0, 0, 0)
    }
}
