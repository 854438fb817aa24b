import Bytes
public import X86

/// One frame of a vCPU's call stack.
public struct StackFrame: Sendable, Equatable {
    /// A linear address: the instruction for the innermost, a return address for the others.
    public let address: UInt64
    /// `name+0x12`; nil without a symbol.
    public let symbol: String?
    /// True if frame pointers lead to it; otherwise it was found on the stack and may be stale.
    public let isCertain: Bool

    public init(address: UInt64, symbol: String?, isCertain: Bool) {
        (self.address, self.symbol, self.isCertain) = (address, symbol, isCertain)
    }

    var words: String { "\(address.hexadecimalDigits(16))\(isCertain ? "  " : " ?")\(symbol.map { " " + $0 } ?? "")" }
}

/// Reconstructs a vCPU's call stack. The guest wrote the stack, so every step is bounded and nothing there is trusted.
public struct StackWalk<Memory: PhysicalMemory> {
    /// The largest number of frames.
    public static var limit: Int { 24 }
    /// The number of bytes of stack searched.
    static var reach: Int { 8192 }
    /// The largest number of further stacks followed.
    private static var linkLimit: Int { 2 }

    let memory: VirtualMemory<Memory>
    let symbols: SymbolTable?
    let registers: ProcessorRegisters

    public init(_ registers: ProcessorRegisters, _ memory: VirtualMemory<Memory>, symbols: SymbolTable?) {
        (self.registers, self.memory, self.symbols) = (registers, memory, symbols)
    }

    /// Returns the instruction, then the return addresses: by frame pointers as long as they make sense, then by
    /// searching the stack.
    public func frames() -> [StackFrame] {
        var frames = [frame(registers.instruction, true)]
        guard registers.is64Bit || registers.is32Bit else { return frames }
        let width = registers.is64Bit ? 8 : 4
        var stack = registers.stackBase &+ registers.rsp
        let linked = chain(width)
        // A single link may be a register that happens to point into the stack.
        if linked.addresses.count > 1 {
            frames += linked.addresses.map { frame($0, true) }
            stack = linked.end
        }
        if frames.count < Self.limit {
            let found = scan(from: stack, width)
            frames += found.prefix(Self.limit - frames.count).map { frame($0, false) }
        }
        return frames
    }

    /// Returns the instruction, then the return addresses on the stack, from a little below the stack pointer on. Only
    /// these remain if the guest has run on since, and returned or made further calls.
    public func leftovers() -> [StackFrame] {
        var frames = [frame(registers.instruction, true)]
        guard registers.is64Bit || registers.is32Bit else { return frames }
        let pointer = registers.stackBase &+ registers.rsp
        let width = registers.is64Bit ? 8 : 4
        let start = pointer > Self.hindsight ? pointer - Self.hindsight : pointer
        frames += scan(from: start, width).prefix(Self.limit - 1).map { frame($0, false) }
        return frames
    }

    /// The number of bytes below the stack pointer that are searched for later calls.
    private static var hindsight: UInt64 { 256 }

    private func frame(_ address: UInt64, _ isCertain: Bool) -> StackFrame {
        StackFrame(address: address, symbol: symbols?.name(of: address), isCertain: isCertain)
    }

    /// Follows RBP: saved RBP and return address, again and again, upwards and in small steps.
    private func chain(_ width: Int) -> (addresses: [UInt64], end: UInt64) {
        var addresses: [UInt64] = []
        var end = registers.stackBase &+ registers.rsp
        var pointer = registers.stackBase &+ registers.rbp
        while addresses.count < Self.limit - 1, pointer >= end, pointer &- end < 65536, pointer % UInt64(width) == 0,
            let next = memory.number(at: pointer, count: width),
            let address = memory.number(at: pointer &+ UInt64(width), count: width),
            isReturn(address)
        {
            addresses.append(address)
            end = pointer &+ UInt64(2 * width)
            pointer = registers.stackBase &+ next
        }
        return (addresses, end)
    }

    private func scan(from stack: UInt64, _ width: Int) -> [UInt64] {
        var found: [UInt64] = []
        var place = stack & ~UInt64(width - 1)
        var last: UInt64?
        var links = 0
        for _ in 0..<Self.reach / width {
            guard found.count < Self.limit else { break }
            if let value = memory.number(at: place, count: width) {
                if isReturn(value) { found.append(value) }
                last = value
                place = place &+ UInt64(width)
            } else {
                // No memory is mapped beyond Linux's interrupt stack; its last word is the interrupted stack's pointer.
                guard let link = last, place % 4096 == 0, link % UInt64(width) == 0, links < Self.linkLimit else {
                    break
                }
                (place, last) = (link, nil)
                links += 1
            }
        }
        return found
    }

    /// Returns true if an address can be a return address: in the kernel's code if that is known, and after a call
    /// instruction.
    private func isReturn(_ address: UInt64) -> Bool {
        guard address > 16 else { return false }
        if let symbols, !symbols.isEmpty, !symbols.isCode(address) || symbols.isReturnThunk(address) { return false }
        guard let before = memory.read(at: address - 7, count: 7) else { return false }
        // E8: call near, relative. FF /2: call through a register or memory, 2 to 7 bytes long.
        if before[2] == 0xE8 { return true }
        return (2...7).contains { before[7 - $0] == 0xFF && before[8 - $0] >> 3 & 7 == 2 }
    }
}
