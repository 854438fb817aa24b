import Synchronization

/// QEMU's firmware configuration device: a store of items from which firmware and test kernels read what they can't see
/// for themselves, as how many vCPUs there are. Two ports, 0x510 to select an item, 0x511 to read it byte by byte;
/// docs/specs/fw_cfg.rst in QEMU's source.
///
/// The DMA interface of that document is left out, and the ID item says so.
public final class FirmwareConfig: BusDevice, @unchecked Sendable {
    /// Where the device answers: the selector at the first port, 16 bits wide, the data at the second, a byte wide.
    static let entry = BoardEntry("the firmware configuration", 0x510..<0x512)

    private struct State {
        var items: Items
        var selected: [UInt8]?
        var position = 0
    }

    private let state: Mutex<State>

    /// - Parameter items: what there is to read; the guest can't change it.
    public init(_ items: Items) {
        state = Mutex(State(items: items, selected: items[.signature]))
    }

    /// What there is to read.
    public var items: Items { state.withLock { $0.items } }

    /// Changes what there is to read, as a loader does that has files for firmware. Before the first vCPU runs.
    public func change<Failure: Error>(_ body: (inout Items) throws(Failure) -> Void) throws(Failure) {
        try state.withLock { state throws(Failure) in
            try body(&state.items)
            state = State(items: state.items, selected: state.items[.signature])
        }
    }

    /// The next byte of the selected item, zero behind its end and where there is no such item.
    public override func read(_ offset: UInt64, width: Int) -> UInt64 {
        guard offset == 1, width == 1 else { return .max }
        return state.withLock { state in
            guard let bytes = state.selected, state.position < bytes.count else { return 0 }
            defer { state.position += 1 }
            return UInt64(bytes[state.position])
        }
    }

    /// Selects an item, to be read from its start. The data port takes no bytes.
    public override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0, width == 2 else { return }
        state.withLock { state in
            state.selected = state.items[Key(rawValue: UInt16(truncatingIfNeeded: value))]
            state.position = 0
        }
    }
}

extension FirmwareConfig {
    /// An item's number. Those below 0x20 have fixed meanings, those from 0x20 on are files, those from 0x8000 on are
    /// the architecture's own.
    public struct Key: RawRepresentable, Equatable, Sendable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// "QEMU", by which a guest knows the device.
        public static let signature = Key(rawValue: 0x00)
        /// 32 bits: bit 0, the two ports; bit 1, DMA.
        public static let interfaces = Key(rawValue: 0x01)
        /// 16 bytes.
        public static let uuid = Key(rawValue: 0x02)
        /// Bytes of RAM, 64 bits.
        public static let memorySize = Key(rawValue: 0x03)
        /// 16 bits: 1 where there is no display.
        public static let noGraphics = Key(rawValue: 0x04)
        /// How many vCPUs run, 16 bits.
        public static let cpuCount = Key(rawValue: 0x05)
        /// 16 bits: 1 to let the user choose what to boot.
        public static let bootMenu = Key(rawValue: 0x0E)
        /// One more than the highest APIC id, 16 bits.
        public static let maximumCPUCount = Key(rawValue: 0x0F)
        /// The list of files, made by the device itself.
        public static let fileDirectory = Key(rawValue: 0x19)
        /// The first file's.
        public static let firstFile = Key(rawValue: 0x20)
        /// The last file's: bits 14 and 15 mean other things.
        public static let lastFile = Key(rawValue: 0x3FFF)
    }

    /// Why a file can't be offered.
    public enum FileError: Error, Equatable, CustomStringConvertible {
        case badName(String)
        case repeatedName(String)
        case tooLarge(String, bytes: Int)
        case tooMany(limit: Int)

        public var description: String {
            switch self {
            case .badName(let name):
                "'\(name)' can't name a firmware file: give 1 to \(Items.nameLimit) printable ASCII characters"
            case .repeatedName(let name): "the firmware file '\(name)' is there twice"
            case .tooLarge(let name, let bytes):
                "the firmware file '\(name)' has \(bytes) bytes: the directory can say 4294967295 at most"
            case .tooMany(let limit): "there are more than \(limit) firmware files"
            }
        }
    }

    /// What the device has to tell, as a value.
    public struct Items: Sendable {
        /// A file's name may have this many bytes; the directory has room for one more, a zero.
        public static let nameLimit = 55

        /// A list, for there are a dozen of them as a rule.
        private var entries: [(key: Key, bytes: [UInt8])] = []
        /// By key, from `Key.firstFile` on.
        private var fileNames: [String] = []

        /// The signature, the interfaces and an empty directory.
        public init() {
            self[.signature] = Array("QEMU".utf8)
            set(.interfaces, UInt32(1))
            writeDirectory()
        }

        /// An item's bytes, nil where there is none.
        public subscript(key: Key) -> [UInt8]? {
            get { entries.first { $0.key == key }?.bytes }
            set {
                entries.removeAll { $0.key == key }
                if let newValue { entries.append((key, newValue)) }
            }
        }

        /// Sets an item to a number, least significant byte first.
        public mutating func set(_ key: Key, _ number: some FixedWidthInteger & UnsignedInteger) {
            self[key] = (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }

        /// Adds a file, which guests look up by its name, as `etc/e820` or `genroms/nic.rom`.
        public mutating func addFile(_ name: String, _ content: [UInt8]) throws(FileError) {
            guard (1...Self.nameLimit).contains(name.utf8.count), name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw .badName(name)
            }
            guard !fileNames.contains(name) else { throw .repeatedName(name) }
            guard UInt32(exactly: content.count) != nil else { throw .tooLarge(name, bytes: content.count) }
            let limit = Int(Key.lastFile.rawValue - Key.firstFile.rawValue) + 1
            guard fileNames.count < limit else { throw .tooMany(limit: limit) }
            self[Self.fileKey(fileNames.count)] = content
            fileNames.append(name)
            writeDirectory()
        }

        private static func fileKey(_ number: Int) -> Key { Key(rawValue: Key.firstFile.rawValue + UInt16(number)) }

        /// The directory: a count, and 64 bytes a file, in the order of their names, as firmware boots from them in
        /// that order. Its numbers have their most significant byte first, unlike all others here.
        private mutating func writeDirectory() {
            func append(_ number: some FixedWidthInteger, to list: inout [UInt8]) {
                for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
                    list.append(UInt8(truncatingIfNeeded: number >> shift))
                }
            }
            var directory: [UInt8] = []
            append(UInt32(fileNames.count), to: &directory)
            for (number, name) in fileNames.enumerated().sorted(by: { $0.element < $1.element }) {
                let key = Self.fileKey(number)
                append(UInt32(self[key]?.count ?? 0), to: &directory)
                append(key.rawValue, to: &directory)
                append(UInt16(0), to: &directory)
                directory += Array(name.utf8) + [UInt8](repeating: 0, count: Self.nameLimit + 1 - name.utf8.count)
            }
            self[.fileDirectory] = directory
        }
    }
}

extension FirmwareConfig.Items {
    /// What every machine's device tells: RAM, vCPUs, and that there is no display.
    /// - Parameter memory: bytes of RAM, above 4 GiB included.
    public init(memory: UInt64, cpus: Int) {
        self.init()
        set(.memorySize, memory)
        set(.cpuCount, UInt16(clamping: cpus))
        set(.maximumCPUCount, UInt16(clamping: cpus))
        set(.noGraphics, UInt16(1))
    }
}
