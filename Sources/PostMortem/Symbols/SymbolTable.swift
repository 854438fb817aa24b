import Bytes
public import X86

/// The names of a kernel's code and data, by address.
public struct SymbolTable: Sendable {
    public struct Symbol: Sendable, Equatable {
        public let address: UInt64
        /// The size in bytes; 0 if the file doesn't give it.
        public let size: UInt64
        public let name: String
        public let isCode: Bool

        public init(address: UInt64, size: UInt64, name: String, isCode: Bool) {
            (self.address, self.size, self.name, self.isCode) = (address, size, name, isCode)
        }
    }

    /// A symbol without its name, which stays in the file's text until it is needed.
    struct Entry: Sendable {
        let address: UInt64
        let size: UInt64
        /// The start of its name in the text.
        let name: Int
        /// Its position in the file.
        let order: Int
        let isCode: Bool
    }

    /// The reason why names of a file were not read.
    public enum Omission: Sendable, Equatable {
        /// It has more than this number.
        case count(Int)
        /// The time was enough for this number only.
        case time(Int)
    }

    /// Sorted by address; at each address the preferred name comes first.
    private let entries: [Entry]
    /// The first of each address.
    private let places: [Entry]
    private let text: [UInt8]
    /// The byte that ends a name in the text.
    private let terminator: UInt8
    /// The names of the file that were left out; nil if all were read.
    public let omission: Omission?
    /// The difference between the guest's addresses and the file's, if the kernel relocated itself. Set it to the
    /// result of `shift`.
    public var offset: UInt64 = 0
    /// The range of code before `offset`: from the first symbol of code to the end of the last.
    private let code: Range<UInt64>
    /// True for the names of a 64-bit Linux.
    private let isLinux: Bool

    /// The place of a 64-bit Linux's modules, relocated or not (Documentation/arch/x86/x86_64/mm.rst). Their names are
    /// in no file of the kernel's.
    private static let modules: Range<UInt64> = 0xFFFF_FFFF_C000_0000..<0xFFFF_FFFF_FF00_0000

    /// The file's addresses of the exception handlers by which a kernel's relocation is found, with their vectors.
    private let handlers: [(vector: UInt64, address: UInt64)]

    /// The largest number of names read, more than any kernel has.
    static let maximumCount = 1 << 20
    /// The largest number of bytes read of a name.
    private static let nameLimit = 256
    /// The number of handlers tried for one vector: a kernel has one.
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
    ///   - text: the bytes that contain the names.
    ///   - terminator: the byte that ends a name there.
    ///   - omission: the names left out.
    init(_ entries: [Entry], in text: [UInt8], endedBy terminator: UInt8, omission: Omission? = nil) {
        (self.text, self.terminator, self.omission) = (text, terminator, omission)
        // At one address the name that has a size is preferred, and of several the first: aliases follow it.
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

    /// All symbols, by address.
    public var symbols: [Symbol] { entries.map(symbol) }

    public var isEmpty: Bool { entries.isEmpty }

    /// Returns true if an address is in code, including a Linux kernel's modules.
    public func isCode(_ address: UInt64) -> Bool { code.contains(address &- offset) || isInModule(address) }

    /// Returns true for a Linux kernel's replacement of return instructions: it makes a call that never returns, which
    /// leaves its address on the stack (arch/x86/lib/retpoline.S).
    func isReturnThunk(_ address: UInt64) -> Bool {
        symbol(at: address &- offset)?.name.hasSuffix("return_thunk") == true
    }

    private func isInModule(_ address: UInt64) -> Bool { isLinux && Self.modules.contains(address) }

    /// Returns `name+0x12`, the innermost symbol at or before an address; `[module]` for a Linux kernel's module; nil
    /// if there is none or it is too far away to be meaningful.
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

    /// Returns the address of a name, before `offset`; nil if there is none.
    public func address(of name: String) -> UInt64? {
        let wanted = Array(name.utf8)
        return entries.first { entry in
            entry.name + wanted.count <= text.count && text[entry.name] == wanted.first
                && Self.name(at: entry.name, in: text, endedBy: terminator).elementsEqual(wanted)
        }?.address
    }
}

extension SymbolTable {
    /// Reads a `System.map`: lines of address, type and name, as in `nm` and /proc/kallsyms. nil if no line names code:
    /// Debian replaces the file by a single line that points to the real one.
    /// - Parameter isOver: returns true when the time is up; called now and then.
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
        // Users who may not see addresses get zeros.
        guard entries.contains(where: { $0.isCode && $0.address > 0 }) else { return nil }
        self.init(entries, in: text, endedBy: 10, omission: omission)
    }

    /// Returns a line's symbol; nil if it has none of use.
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
        // A name followed by a tab and its module: another kernel's modules have other addresses.
        let name = line[(blank + 3)...]
        if name.contains(9) { return nil }
        // Absolute names are sizes and offsets, not addresses.
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

    /// Returns the vector whose gate leads to the handler of this name.
    fileprivate static func handlerVector(_ name: ArraySlice<UInt8>) -> UInt64? {
        switch name.count {
        case 10...18
        where ["asm_exc_page_fault", "page_fault", "async_page_fault"].contains { name.elementsEqual($0.utf8) }:
            pageFault
        case 23 where name.elementsEqual("early_idt_handler_array".utf8): 0
        default: nil
        }
    }

    /// Returns the relocation of a 64-bit Linux kernel (KASLR): the difference between a gate of its IDT and its
    /// handler's address in the file. It uses the page fault's gate and, before that is set up, the first of the early
    /// handlers (arch/x86/kernel/head_64.S). nil if the gates are not the kernel's, as in a boot loader.
    public func shift(_ registers: ProcessorRegisters, _ memory: VirtualMemory<some PhysicalMemory>) -> UInt64? {
        guard registers.is64Bit else { return nil }
        for vector in [Self.pageFault, 0] {
            guard let gate = memory.read(at: registers.idtBase &+ vector * 16, count: 16) else { continue }
            let fields = gate
            let place =
                fields.littleEndian(at: 0, count: 2) | fields.littleEndian(at: 6, count: 2) << 16 | fields.littleEndian(
                    at: 8, count: 4) << 32
            for handler in handlers where handler.vector == vector {
                // It relocates by multiples of 2 MiB, within 1 GiB (Documentation/arch/x86/x86_64/mm.rst). Names from a
                // running kernel's /proc/kallsyms may have been relocated further than this one.
                let shift = place &- handler.address
                if shift % (2 << 20) == 0, shift < 1 << 30 || 0 &- shift < 1 << 30 { return shift }
            }
        }
        return nil
    }
}
