/// The registers of a processor that give its position and its address translation.
public struct ProcessorRegisters: Sendable, Equatable {
    public var rip: UInt64 = 0
    public var flags: UInt64 = 0
    public var rsp: UInt64 = 0
    public var rbp: UInt64 = 0
    public var cr0: UInt64 = 0
    public var cr3: UInt64 = 0
    public var cr4: UInt64 = 0
    public var efer: UInt64 = 0
    /// The base of the code segment, which RIP is an offset in: 0 in 64-bit mode and usually in 32-bit mode.
    public var codeBase: UInt64 = 0
    public var stackBase: UInt64 = 0
    /// The width of the code segment: 64 bits, 32 bits, or 16 bits if both are false.
    public var is64Bit = false
    public var is32Bit = false
    public var idtBase: UInt64 = 0
    /// The privilege level, 0...3: the kernel's is 0.
    public var privilege: UInt8 = 0

    public init() {}

    /// The interrupt flag of RFLAGS.
    public static let interruptFlag: UInt64 = 1 << 9
    public var hasInterruptsOn: Bool { flags & Self.interruptFlag != 0 }
    public var paging: Paging { Paging(cr0: cr0, cr3: cr3, cr4: cr4, efer: efer) }
    /// The linear address of the next instruction.
    public var instruction: UInt64 { codeBase &+ rip }
    /// True after INIT or a reset: the processor is at the reset vector.
    public var isReset: Bool { rip == 0xFFF0 && cr0 & 1 == 0 && codeBase & 0xFFFF_0000 == 0xFFFF_0000 }
}
