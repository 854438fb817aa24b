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
    /// Whether these are the names of a 64-bit Linux.
    private let isLinux: Bool

    /// Where a 64-bit Linux puts modules, moved or not (Documentation/arch/x86/x86_64/mm.rst). Their names are in no file of the kernel's.
    private static let modules: Range<UInt64> = 0xFFFF_FFFF_C000_0000..<0xFFFF_FFFF_FF00_0000

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
        isLinux = self.symbols.contains { Self.pageFaultHandlers.contains($0.name) }
    }

    public var isEmpty: Bool { symbols.isEmpty }

    /// Whether an address lies where code is, a Linux kernel's modules included.
    public func isCode(_ address: UInt64) -> Bool { code.contains(address &- offset) || isInModule(address) }

    /// Whether an address lies in what a Linux kernel has in place of return instructions: it calls something, never returns, and leaves its address on
    /// the stack (arch/x86/lib/retpoline.S).
    func isReturnThunk(_ address: UInt64) -> Bool { symbol(at: address &- offset)?.name.hasSuffix("return_thunk") == true }

    private func isInModule(_ address: UInt64) -> Bool { isLinux && Self.modules.contains(address) }

    /// `name+0x12`, the innermost symbol at or before an address; `[module]` for a Linux kernel's module; nil for none, or one that is too far away to mean
    /// anything.
    public func name(of address: UInt64) -> String? {
        let place = address &- offset
        guard let symbol = symbol(at: place) else { return isInModule(address) ? "[module]" : nil }
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
    /// A `System.map`: lines of address, type and name, as `nm` writes them and /proc/kallsyms has them. nil where no line names code: what Debian puts
    /// in the place of its kernels' is one line that says where the real one is.
    public init?(map text: [UInt8]) {
        var symbols: [Symbol] = []
        for line in text.split(separator: 10) where symbols.count < Self.maximumCount {
            let fields = line.split(separator: 32, maxSplits: 2)
            // A name with its module behind it: another kernel's modules lie elsewhere.
            if line.contains(9) { continue }
            guard fields.count == 3, fields[1].count == 1, let letter = fields[1].first,
                let address = UInt64(String(decoding: fields[0], as: UTF8.self), radix: 16)
            else { continue }
            let isCode = [UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "w"), UInt8(ascii: "W")].contains(letter)
            // Absolute names are sizes and offsets, not places.
            guard letter != UInt8(ascii: "a"), letter != UInt8(ascii: "A") else { continue }
            symbols.append(Symbol(address: address, size: 0, name: String(decoding: fields[2].prefix(256), as: UTF8.self), isCode: isCode))
        }
        // Who may not see addresses is shown zeros.
        guard symbols.contains(where: { $0.isCode && $0.address > 0 }) else { return nil }
        self.init(symbols)
    }
}

extension SymbolTable {
    fileprivate static let pageFaultHandlers: Set<String> = ["asm_exc_page_fault", "page_fault", "async_page_fault"]

    /// How far a Linux kernel of 64 bits moved itself (KASLR): a gate of its IDT against the name that its handler has in the file. The page fault's,
    /// and before that is set up the first of the early handlers (arch/x86/kernel/head_64.S).
    /// nil where the gates are another's, as in a boot loader.
    public func shift(_ registers: VCPUState.Registers, _ memory: VirtualMemory<some PhysicalMemory>) -> UInt64? {
        guard registers.is64Bit else { return nil }
        for (vector, names) in [(14, Self.pageFaultHandlers), (0, ["early_idt_handler_array"])] as [(UInt64, Set<String>)] {
            guard let gate = memory.read(at: registers.idtBase &+ vector * 16, count: 16) else { continue }
            let fields = Fields(gate)
            let place = fields.number(0, 2) | fields.number(6, 2) << 16 | fields.number(8, 4) << 32
            for symbol in symbols where names.contains(symbol.name) {
                // It moves by multiples of 2 MiB, within 1 GiB (Documentation/arch/x86/x86_64/mm.rst). Names that come from a running kernel's
                // /proc/kallsyms may have been moved further than this one.
                let shift = place &- symbol.address
                if shift % (2 << 20) == 0, shift < 1 << 30 || 0 &- shift < 1 << 30 { return shift }
            }
        }
        return nil
    }
}
