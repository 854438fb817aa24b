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

    /// Sorted by address.
    public private(set) var symbols: [Symbol]
    /// What is added to the file's addresses: a kernel that moved itself. Set it to what `shift` finds.
    public var offset: UInt64 = 0
    /// Where code lies, before `offset`: from the first symbol of code to behind the last.
    private let code: Range<UInt64>

    /// More names than any kernel has; of a file that has more these are read.
    static let maximumCount = 1 << 20

    public init(_ symbols: [Symbol]) {
        // At one address the name that has a size, and of several the first: aliases follow it.
        let sorted = symbols.enumerated().sorted {
            if $0.element.address != $1.element.address { return $0.element.address < $1.element.address }
            if ($0.element.size > 0) != ($1.element.size > 0) { return $0.element.size > 0 }
            return $0.offset < $1.offset
        }
        self.symbols = sorted.map(\.element)
        let code = self.symbols.filter(\.isCode)
        if let first = code.first, let last = code.last {
            self.code = first.address..<last.address.addingSaturating(max(last.size, 4096))
        } else {
            self.code = 0..<0
        }
    }

    public var isEmpty: Bool { symbols.isEmpty }

    /// Whether an address lies where code is.
    public func isCode(_ address: UInt64) -> Bool { code.contains(address &- offset) }

    /// `name+0x12`, the innermost symbol at or before an address; nil for none, or one that is too far away to mean anything.
    public func name(of address: UInt64) -> String? {
        let place = address &- offset
        guard let symbol = symbol(at: place) else { return nil }
        let distance = place - symbol.address
        return distance == 0 ? symbol.name : "\(symbol.name)+\(distance.hexadecimal)"
    }

    private func symbol(at address: UInt64) -> Symbol? {
        var (low, high) = (0, symbols.count)
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        var index = low - 1
        // Of names at one address the first stands for all.
        while index > 0, symbols[index - 1].address == symbols[index].address { index -= 1 }
        let symbol = symbols[index]
        let distance = address - symbol.address
        guard distance < (symbol.size > 0 ? symbol.size.addingSaturating(64) : 1 << 20) else { return nil }
        return symbol
    }

    /// The address of a name, before `offset`; nil for none.
    public func address(of name: String) -> UInt64? { symbols.first { $0.name == name }?.address }
}

extension SymbolTable {
    /// A `System.map`: lines of address, type and name, as `nm` writes them. nil where no line is one.
    public init?(map text: [UInt8]) {
        var symbols: [Symbol] = []
        for line in text.split(separator: 10) where symbols.count < Self.maximumCount {
            let fields = line.split(separator: 32, maxSplits: 2)
            guard fields.count == 3, fields[1].count == 1, let letter = fields[1].first,
                let address = UInt64(String(decoding: fields[0], as: UTF8.self), radix: 16)
            else { continue }
            let isCode = [UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "w"), UInt8(ascii: "W")].contains(letter)
            // Absolute names are sizes and offsets, not places.
            guard letter != UInt8(ascii: "a"), letter != UInt8(ascii: "A") else { continue }
            symbols.append(Symbol(address: address, size: 0, name: String(decoding: fields[2].prefix(256), as: UTF8.self), isCode: isCode))
        }
        guard !symbols.isEmpty else { return nil }
        self.init(symbols)
    }
}

extension SymbolTable {
    /// How far a Linux kernel of 64 bits moved itself (KASLR): its page fault handler's gate against the name it has in the file.
    /// nil where the gate is another's, as early in a boot.
    public func shift(_ registers: VCPUState.Registers, _ memory: VirtualMemory<some PhysicalMemory>) -> UInt64? {
        guard registers.is64Bit, let gate = memory.read(at: registers.idtBase &+ 14 * 16, count: 16),
            let handler = ["asm_exc_page_fault", "page_fault", "async_page_fault"].lazy.compactMap({ address(of: $0) }).first
        else { return nil }
        let fields = Fields(gate)
        let place = fields.number(0, 2) | fields.number(6, 2) << 16 | fields.number(8, 4) << 32
        let shift = place &- handler
        // It moves by multiples of 2 MiB, within 1 GiB (Documentation/arch/x86/x86_64/mm.rst).
        return shift % (2 << 20) == 0 && shift < 1 << 30 ? shift : nil
    }
}
