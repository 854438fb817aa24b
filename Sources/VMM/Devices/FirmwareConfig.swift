import Synchronization

/// QEMU's firmware configuration device: a store of items from which firmware and test kernels read information such as
/// the number of vCPUs. Two ports, 0x510 to select an item, 0x511 to read it byte by byte; docs/specs/fw_cfg.rst in
/// QEMU's source.
///
/// The DMA interface of that document is not implemented, and the ID item says so.
public final class FirmwareConfig: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.
    /// The ports: the selector at the first, 16 bits wide, the data at the second, a byte wide.
    static let entry = BoardEntry("the firmware configuration", 0x510..<0x512)

    public struct State: Sendable, Equatable {
        var items: Items
        var selected: [UInt8]?
        var position = 0
    }

    private let state: Mutex<State>

    /// - Parameter items: the items; the guest can't change them.
    public init(_ items: Items) {
        state = Mutex(State(items: items, selected: items[.signature]))
    }
    public func save() -> State { state.withLock { $0 } }
    public func restore(_ state: State) { self.state.withLock { $0 = state } }

    /// The items to read.
    public var items: Items { state.withLock { $0.items } }

    /// Changes the items; a loader adds files for firmware. To be called before the first vCPU runs.
    public func change<Failure: Error>(_ body: (inout Items) throws(Failure) -> Void) throws(Failure) {
        try state.withLock { state throws(Failure) in
            try body(&state.items)
            state = State(items: state.items, selected: state.items[.signature])
        }
    }

    /// Returns the next byte of the selected item; zero after its end and for an item that does not exist.
    public override func read(_ offset: UInt64, width: Int) -> UInt64 {
        guard offset == 1, width == 1 else { return .max }
        return state.withLock { state in
            guard let bytes = state.selected, state.position < bytes.count else { return 0 }
            defer { state.position += 1 }
            return UInt64(bytes[state.position])
        }
    }

    /// Selects an item, to be read from its start. The data port ignores writes.
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
    /// specific to the architecture.
    public struct Key: RawRepresentable, Equatable, Sendable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// "QEMU", by which a guest detects the device.
        public static let signature = Key(rawValue: 0x00)
        /// 32 bits: bit 0, the two ports; bit 1, DMA.
        public static let interfaces = Key(rawValue: 0x01)
        /// 16 bytes.
        public static let uuid = Key(rawValue: 0x02)
        /// Bytes of RAM, 64 bits.
        public static let memorySize = Key(rawValue: 0x03)
        /// 16 bits: 1 if there is no display.
        public static let noGraphics = Key(rawValue: 0x04)
        /// The number of running vCPUs, 16 bits.
        public static let cpuCount = Key(rawValue: 0x05)
        /// 16 bits: 1 to offer a boot menu.
        public static let bootMenu = Key(rawValue: 0x0E)
        /// The highest APIC id plus one, 16 bits.
        public static let maximumCPUCount = Key(rawValue: 0x0F)
        /// The list of files, which the device itself makes.
        public static let fileDirectory = Key(rawValue: 0x19)
        /// The number of the first file.
        public static let firstFile = Key(rawValue: 0x20)
        /// The number of the last file: bits 14 and 15 have other meanings.
        public static let lastFile = Key(rawValue: 0x3FFF)
    }

    /// The reason why a file can't be offered.
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

    /// The contents of the device.
    public struct Items: Sendable, Equatable {
        private struct Entry: Sendable, Equatable {
            let key: Key
            let bytes: [UInt8]
        }

        /// The longest name of a file in bytes; the directory has room for one more, a zero.
        public static let nameLimit = 55

        /// A list, since there are usually a dozen of them.
        private var entries: [Entry] = []
        /// By key, from `Key.firstFile` on.
        private var fileNames: [String] = []

        /// Creates the signature, the interfaces and an empty directory.
        public init() {
            self[.signature] = Array("QEMU".utf8)
            set(.interfaces, UInt32(1))
            writeDirectory()
        }

        /// An item's bytes, nil if it does not exist.
        public subscript(key: Key) -> [UInt8]? {
            get { entries.first { $0.key == key }?.bytes }
            set {
                entries.removeAll { $0.key == key }
                if let newValue { entries.append(Entry(key: key, bytes: newValue)) }
            }
        }

        /// Sets an item to a number, least significant byte first.
        public mutating func set(_ key: Key, _ number: some FixedWidthInteger & UnsignedInteger) {
            self[key] = (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }

        /// Adds a file, which guests find by its name, such as `etc/e820` or `genroms/nic.rom`.
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

        /// Writes the directory: a count, and 64 bytes per file, sorted by name, since firmware boots from them in that
        /// order. Its numbers are big-endian, unlike all others here.
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
    /// Creates the items of every machine: RAM, vCPUs, and the absence of a display.
    /// - Parameter memory: bytes of RAM, including those above 4 GiB.
    public init(memory: UInt64, cpus: Int) {
        self.init()
        set(.memorySize, memory)
        set(.cpuCount, UInt16(clamping: cpus))
        set(.maximumCPUCount, UInt16(clamping: cpus))
        set(.noGraphics, UInt16(1))
    }
}
