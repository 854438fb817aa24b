/// Those of a processor's registers that say where it is and how it addresses memory.
public struct ProcessorRegisters: Sendable, Equatable {
    public var rip: UInt64 = 0
    public var flags: UInt64 = 0
    public var rsp: UInt64 = 0
    public var rbp: UInt64 = 0
    public var cr0: UInt64 = 0
    public var cr3: UInt64 = 0
    public var cr4: UInt64 = 0
    public var efer: UInt64 = 0
    /// What RIP and RSP are offsets in: 0 in 64-bit mode and, as a rule, in 32-bit mode.
    public var codeBase: UInt64 = 0
    public var stackBase: UInt64 = 0
    /// Whether the code segment is a 64-bit one, or a 32-bit one; else 16 bits.
    public var is64Bit = false
    public var is32Bit = false
    public var idtBase: UInt64 = 0
    /// The privilege level, 0...3: the kernel's is 0.
    public var privilege: UInt8 = 0

    public init() {}

    /// RFLAGS.IF.
    public static let interruptFlag: UInt64 = 1 << 9
    public var hasInterruptsOn: Bool { flags & Self.interruptFlag != 0 }
    public var paging: Paging { Paging(cr0: cr0, cr3: cr3, cr4: cr4, efer: efer) }
    /// The linear address of the next instruction.
    public var instruction: UInt64 { codeBase &+ rip }
    /// As after INIT or a reset: at the reset vector.
    public var isReset: Bool { rip == 0xFFF0 && cr0 & 1 == 0 && codeBase & 0xFFFF_0000 == 0xFFFF_0000 }
}
