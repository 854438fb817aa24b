import Bytes

/// The contents of the guest's memory and the start state of the first processor. Nothing is loaded yet.
///
/// Every segment and blob is in RAM, and none overlaps another.
public struct LoadPlan: Equatable, Sendable {
    /// The file that a segment's bytes come from.
    public enum Source: Equatable, Sendable {
        case kernel
        /// The module of this index, as given to the planner.
        case module(Int)
    }

    /// A part of a file and the guest memory it fills.
    public struct Segment: Equatable, Sendable {
        /// The segment's name in errors.
        public let name: String
        public let source: Source
        /// Guest physical address of the first byte.
        public let guestAddress: UInt64
        /// The offset of the bytes in the file.
        public let fileOffset: UInt64
        /// Bytes that come from the file; the file holds them all.
        public let fileSize: UInt64
        /// Bytes in memory, at least `fileSize`; those after the file's are zero.
        public let memorySize: UInt64
    }

    /// Bytes that swiftlet generates.
    public struct Blob: Equatable, Sendable {
        /// The bytes' name in errors.
        public let name: String
        /// Guest physical address of the first byte.
        public let guestAddress: UInt64
        public let bytes: [UInt8]
    }

    /// A file that is passed to the kernel unchanged: an initrd, a multiboot module.
    public struct Module: Equatable, Sendable {
        /// The file's name, which multiboot passes on.
        public let name: String
        /// The file's size in bytes.
        public let size: UInt64
        /// Arguments, empty for none.
        public let commandLine: String

        public init(name: String, size: UInt64, commandLine: String = "") {
            self.name = name
            self.size = size
            self.commandLine = commandLine
        }
    }

    /// The longest command line in bytes, without its NUL. Linux on x86 accepts 2047.
    public static let maximumCommandLine = 16383

    /// The largest number of modules.
    public static let maximumModules = 32

    /// The kernel's format; for Linux it includes the choice of entry.
    public let format: KernelFormat
    public let segments: [Segment]
    public let blobs: [Blob]
    public let entry: EntryState
    /// The disk that the guest boots from; nil for a kernel. No segment contains it: firmware reads the sectors that
    /// the guest asks for.
    public let disk: DiskImage?

    /// True if the first processor begins in firmware, ``BootROM``, which then enters the kernel in the state that
    /// ``entry`` describes.
    public var needsFirmware: Bool { format == .linux16 || format == .disk }

    /// Turns a kernel image into a plan.
    ///
    /// All fields of the image are checked against the file's size and the guest's memory before they are used.
    /// - Parameters:
    ///   - image: The kernel file.
    ///   - name: Its name: multiboot kernels get it as the first word of their command line, and a suffix `.bin` or
    ///     `.flat` makes a file without a known magic number a flat binary.
    ///   - commandLine: The kernel's arguments, at most ``maximumCommandLine`` bytes. `ByteText`, like all names and
    ///     arguments here.
    ///   - modules: Files to place in memory, at most ``maximumModules``; all together are a Linux kernel's initrd.
    ///   - memory: The RAM.
    ///   - rsdpAddress: Guest physical address of the ACPI RSDP, 0 for none.
    ///   - format: The only format to consider; nil to detect it.
    ///   - diskKind: The kind of a disk; nil to detect it.
    /// - Returns: A plan whose parts are all in RAM and in their files.
    /// - Throws: ``BootError``, which names the field, its value and its limit.
    public static func plan(
        image: some ImageSource, name: String, commandLine: String = "", modules: [Module] = [], memory: MemoryMap,
        rsdpAddress: UInt64 = 0, format: KernelFormat? = nil, diskKind: DiskImage.Kind? = nil
    ) throws(BootError) -> LoadPlan {
        try check(commandLine, what: "the command line")
        guard modules.count <= maximumModules else {
            throw .tooManyModules(count: modules.count, limit: maximumModules)
        }
        for module in modules {
            try check(module.commandLine, what: "the command line of module \(module.name)")
        }
        var builder = LoadPlanBuilder(
            name: name, commandLine: commandLine, modules: modules, rsdpAddress: rsdpAddress, memory: memory)
        let recognized = try KernelImage.recognize(image, name: name, format: format, diskKind: diskKind)
        if diskKind != nil {
            guard case .disk = recognized else { throw .noDisk }
        }
        switch recognized {
        case .pvh(let elf, let note):
            try builder.load(try elf.segments(imageSize: image.size))
            return try builder.pvh(note)
        case .multibootELF(let elf, _):
            try builder.load(try elf.segments(imageSize: image.size))
            return try builder.multiboot(entry: elf.physicalEntry, field: "ELF header: e_entry")
        case .multibootRaw(let header):
            try builder.load([try header.segment(imageSize: image.size)])
            return try builder.multiboot(entry: UInt64(header.entryAddress), field: "multiboot header: entry_addr")
        case .linux(let linux):
            let asked = format.flatMap { $0 == .linux ? nil : $0 }
            let entry = if let asked { asked } else { try linux.bestFormat(in: image) }
            return entry == .linux16
                ? try builder.linuxRealMode(linux, setupCode: try linux.setupCode(in: image))
                : try builder.linux(linux, format: entry)
        case .disk(let disk):
            return try builder.disk(disk)
        case .flat:
            try builder.load([try FlatImage.segment(imageSize: image.size)])
            return try builder.flat()
        }
    }

    private static func check(_ text: String, what: String) throws(BootError) {
        let size = ByteText.bytes(text).count
        guard size <= maximumCommandLine else {
            throw .textTooLong(what: what, size: size, limit: maximumCommandLine)
        }
        guard !text.utf8.contains(0) else { throw .textHoldsNUL(what: what) }
    }
}
