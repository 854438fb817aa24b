import Bytes
public import X86

/// The names of a kernel's code and data, by address.
public struct SymbolTable: Sendable {
    public struct Symbol: Sendable, Equatable {
        public let address: UInt64
        /// Bytes; 0 where the file doesn't say.
        public let size: UInt64
        public let name: String
        public let isCode: Bool

        public init(address: UInt64, size: UInt64, name: String, isCode: Bool) {
            (self.address, self.size, self.name, self.isCode) = (address, size, name, isCode)
        }
    }

    /// What is kept of a symbol: its name stays in the file's text, and is looked at only where it is asked for.
    struct Entry: Sendable {
        let address: UInt64
        let size: UInt64
        /// Where its name begins in the text.
        let name: Int
        /// Its place in the file.
        let order: Int
        let isCode: Bool
    }

    /// Why there are names in a file that were not read.
    public enum Omission: Sendable, Equatable {
        /// It has more than so many.
        case count(Int)
        /// There was time for so many.
        case time(Int)
    }

    /// Sorted by address; at one address the name that stands for all comes first.
    private let entries: [Entry]
    /// The first of each address.
    private let places: [Entry]
    private let text: [UInt8]
    /// What ends a name in the text.
    private let terminator: UInt8
    /// What was left out of the file's names; nil where nothing was.
    public let omission: Omission?
    /// What is added to the file's addresses: a kernel that moved itself. Set it to what `shift` finds.
    public var offset: UInt64 = 0
    /// Where code lies, before `offset`: from the first symbol of code to behind the last.
    private let code: Range<UInt64>
    /// Whether these are the names of a 64-bit Linux.
    private let isLinux: Bool

    /// Where a 64-bit Linux puts modules, moved or not (Documentation/arch/x86/x86_64/mm.rst). Their names are in no
    /// file of the kernel's.
    private static let modules: Range<UInt64> = 0xFFFF_FFFF_C000_0000..<0xFFFF_FFFF_FF00_0000

    /// Where the file has the handlers of exceptions whose gates tell how far a kernel moved, by the gates' vectors.
    private let handlers: [(vector: UInt64, address: UInt64)]

    /// More names than any kernel has; of a file that has more these are read.
    static let maximumCount = 1 << 20
    /// Bytes of a name that count.
    private static let nameLimit = 256
    /// Handlers of one vector that are tried: a kernel has one.
    private static let handlerLimit = 16

    public init(_ symbols: [Symbol]) {
        var text: [UInt8] = []
        let entries = symbols.map { symbol in
            defer { text += Array(symbol.name.utf8) + [0] }
            return Entry(
                address: symbol.address, size: symbol.size, name: text.count, order: text.count, isCode: symbol.isCode)
        }
        self.init(entries, in: text, endedBy: 0)
    }

    /// - Parameters:
    ///   - entries: in the file's order.
    ///   - text: where their names lie.
    ///   - terminator: what ends a name there.
    ///   - omission: what was left out.
    init(_ entries: [Entry], in text: [UInt8], endedBy terminator: UInt8, omission: Omission? = nil) {
        (self.text, self.terminator, self.omission) = (text, terminator, omission)
        // At one address the name that has a size, and of several the first: aliases follow it.
        let sorted = entries.sorted {
            if $0.address != $1.address { return $0.address < $1.address }
            if ($0.size > 0) != ($1.size > 0) { return $0.size > 0 }
            return $0.order < $1.order
        }
        self.entries = sorted
        var places: [Entry] = []
        var first: UInt64?
        var last = (address: UInt64(0), size: UInt64(0))
        var handlers: [(vector: UInt64, address: UInt64)] = []
        var isLinux = false
        for entry in sorted {
            if places.last?.address != entry.address { places.append(entry) }
            if entry.isCode {
                first = first ?? entry.address
                last = (entry.address, entry.size)
            }
            guard entry.name < text.count, Self.handlerLetters.contains(text[entry.name]),
                let vector = Self.handlerVector(Self.name(at: entry.name, in: text, endedBy: terminator))
            else { continue }
            isLinux = isLinux || vector == Self.pageFault
            if handlers.count(where: { $0.vector == vector }) < Self.handlerLimit {
                handlers.append((vector, entry.address))
            }
        }
        (self.places, self.handlers, self.isLinux) = (places, handlers, isLinux)
        code = first.map { $0..<last.address.addingSaturating(max(last.size, 4096)) } ?? 0..<0
    }

    private static func name(at start: Int, in text: [UInt8], endedBy terminator: UInt8) -> ArraySlice<UInt8> {
        text[min(start, text.count)...].prefix(nameLimit).prefix { $0 != terminator }
    }

    private func name(_ entry: Entry) -> String {
        String(decoding: Self.name(at: entry.name, in: text, endedBy: terminator), as: UTF8.self)
    }

    private func symbol(_ entry: Entry) -> Symbol {
        Symbol(address: entry.address, size: entry.size, name: name(entry), isCode: entry.isCode)
    }

    /// All of them, by address.
    public var symbols: [Symbol] { entries.map(symbol) }

    public var isEmpty: Bool { entries.isEmpty }

    /// Whether an address lies where code is, a Linux kernel's modules included.
    public func isCode(_ address: UInt64) -> Bool { code.contains(address &- offset) || isInModule(address) }

    /// Whether an address lies in what a Linux kernel has in place of return instructions: it calls something, never
    /// returns, and leaves its address on the stack (arch/x86/lib/retpoline.S).
    func isReturnThunk(_ address: UInt64) -> Bool {
        symbol(at: address &- offset)?.name.hasSuffix("return_thunk") == true
    }

    private func isInModule(_ address: UInt64) -> Bool { isLinux && Self.modules.contains(address) }

    /// `name+0x12`, the innermost symbol at or before an address; `[module]` for a Linux kernel's module; nil for none,
    /// or one that is too far away to mean anything.
    public func name(of address: UInt64) -> String? {
        let place = address &- offset
        guard let symbol = symbol(at: place) else { return isInModule(address) ? "[module]" : nil }
        let distance = place - symbol.address
        return distance == 0 ? symbol.name : "\(symbol.name)+\(distance.hexadecimal)"
    }

    private func symbol(at address: UInt64) -> Symbol? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let entry = places[low - 1]
        guard address - entry.address < (entry.size > 0 ? entry.size.addingSaturating(64) : 1 << 20) else { return nil }
        return symbol(entry)
    }

    /// The address of a name, before `offset`; nil for none.
    public func address(of name: String) -> UInt64? {
        let wanted = Array(name.utf8)
        return entries.first { entry in
            entry.name + wanted.count <= text.count && text[entry.name] == wanted.first
                && Self.name(at: entry.name, in: text, endedBy: terminator).elementsEqual(wanted)
        }?.address
    }
}

extension SymbolTable {
    /// A `System.map`: lines of address, type and name, as `nm` writes them and /proc/kallsyms has them. nil where no
    /// line names code: what Debian puts in the place of its kernels' is one line that says where the real one is.
    /// - Parameter isOver: whether there is no time for more; asked now and then.
    public init?(map text: [UInt8], isOver: () -> Bool = { false }) {
        var entries: [Entry] = []
        var start = 0
        var lines = 0
        var omission: Omission?
        while start < text.count {
            let end = text[start...].firstIndex(of: 10) ?? text.count
            defer { start = end + 1 }
            lines += 1
            if entries.count >= Self.maximumCount {
                omission = .count(entries.count)
            } else if lines % 1024 == 0, isOver() {
                omission = .time(entries.count)
            }
            guard omission == nil else { break }
            if let entry = Self.entry(text[start..<end]) { entries.append(entry) }
        }
        // Who may not see addresses is shown zeros.
        guard entries.contains(where: { $0.isCode && $0.address > 0 }) else { return nil }
        self.init(entries, in: text, endedBy: 10, omission: omission)
    }

    /// A line's symbol; nil where it has none that counts.
    private static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
        guard let blank = line.firstIndex(of: 32), line.endIndex - blank > 3, line[blank + 2] == 32 else { return nil }
        var address: UInt64 = 0
        let digits = line[..<blank]
        guard (1...16).contains(digits.count) else { return nil }
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): address = address << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): address = address << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): address = address << 4 | UInt64(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        // A name with its module behind it, after a tab: another kernel's modules lie elsewhere.
        let name = line[(blank + 3)...]
        if name.contains(9) { return nil }
        // Absolute names are sizes and offsets, not places.
        let letter = line[blank + 1]
        guard letter != UInt8(ascii: "a"), letter != UInt8(ascii: "A") else { return nil }
        let isCode = [UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "w"), UInt8(ascii: "W")].contains(letter)
        return Entry(address: address, size: 0, name: name.startIndex, order: name.startIndex, isCode: isCode)
    }
}

extension SymbolTable {
    fileprivate static let pageFault: UInt64 = 14
    /// The first letters of the names below.
    fileprivate static let handlerLetters: [UInt8] = [UInt8(ascii: "a"), UInt8(ascii: "p"), UInt8(ascii: "e")]

    /// The vector whose gate leads to what has this name.
    fileprivate static func handlerVector(_ name: ArraySlice<UInt8>) -> UInt64? {
        switch name.count {
        case 10...18
        where ["asm_exc_page_fault", "page_fault", "async_page_fault"].contains { name.elementsEqual($0.utf8) }:
            pageFault
        case 23 where name.elementsEqual("early_idt_handler_array".utf8): 0
        default: nil
        }
    }

    /// How far a Linux kernel of 64 bits moved itself (KASLR): a gate of its IDT against the name that its handler has
    /// in the file. The page fault's, and before that is set up the first of the early handlers
    /// (arch/x86/kernel/head_64.S). nil where the gates are another's, as in a boot loader.
    public func shift(_ registers: ProcessorRegisters, _ memory: VirtualMemory<some PhysicalMemory>) -> UInt64? {
        guard registers.is64Bit else { return nil }
        for vector in [Self.pageFault, 0] {
            guard let gate = memory.read(at: registers.idtBase &+ vector * 16, count: 16) else { continue }
            let fields = gate
            let place =
                fields.littleEndian(at: 0, count: 2) | fields.littleEndian(at: 6, count: 2) << 16 | fields.littleEndian(
                    at: 8, count: 4) << 32
            for handler in handlers where handler.vector == vector {
                // It moves by multiples of 2 MiB, within 1 GiB (Documentation/arch/x86/x86_64/mm.rst). Names that come
                // from a running kernel's /proc/kallsyms may have been moved further than this one.
                let shift = place &- handler.address
                if shift % (2 << 20) == 0, shift < 1 << 30 || 0 &- shift < 1 << 30 { return shift }
            }
        }
        return nil
    }
}
