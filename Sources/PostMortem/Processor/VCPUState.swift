import Bytes

/// What one vCPU was when it had stopped.
public struct VCPUState: Sendable, Equatable {
    /// KVM_GET_MP_STATE's answer, api.rst 4.38.
    public enum Activity: UInt32, Sendable {
        case runnable = 0
        /// Waits for INIT.
        case uninitialized = 1
        /// Had its INIT and waits for SIPI.
        case initReceived = 2
        case halted = 3
        case sipiReceived = 4
    }

    /// General registers in the order RAX RBX RCX RDX RSI RDI RSP RBP R8...R15.
    public struct Registers: Sendable, Equatable {
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

    /// Where it was at some moment.
    public struct Sample: Sendable, Equatable {
        /// Linear, of its next instruction.
        public let address: UInt64
        public let hasInterruptsOn: Bool

        public init(address: UInt64, hasInterruptsOn: Bool) { (self.address, self.hasInterruptsOn) = (address, hasInterruptsOn) }
    }

    public let number: UInt32
    /// nil where KVM won't tell.
    public var registers: Registers?
    /// The same as lines for people.
    public var registerLines: [String] = []
    public var activity: Activity?
    public var apic: LocalAPIC?
    /// At some moments shortly before the end; empty where nobody looked.
    public var samples: [Sample] = []
    /// Its last exits, oldest first.
    public var trail: [ExitRecord] = []
    /// All its exits.
    public var exitCount: UInt64 = 0
    /// Bytes of code at RIP, one before it included.
    public var code: [UInt8] = []
    /// Innermost first.
    public var backtrace: [StackFrame] = []
    /// Where a triple fault took the registers with it: what was known before.
    public var earlier: EarlierState?

    public init(number: UInt32) { self.number = number }

    /// Whether it sleeps in HLT. Where KVM does not say, the instruction before RIP does, unless it was seen elsewhere.
    var isHalted: Bool {
        switch activity {
        case .halted: true
        case nil: code.first == 0xF4 && samples.allSatisfy { $0.address == registers?.instruction }
        default: false
        }
    }
}

/// One exit as the flight recorder kept it.
public struct ExitRecord: Sendable, Equatable {
    /// The exit's kind, as reports write it.
    public let kind: String
    /// Port or guest-physical address; 0 where the kind has none.
    public let address: UInt64
    /// Bytes an access; 0 where the kind has none.
    public let width: Int
    /// What was written or read; 0 where the kind has none.
    public let value: UInt64
    /// Seconds before the run's end; negative for none known.
    public let age: Double

    public init(kind: String, address: UInt64, width: Int, value: UInt64, age: Double) {
        (self.kind, self.address, self.width, self.value, self.age) = (kind, address, width, value, age)
    }

    var words: String {
        guard width > 0 else { return kind }
        return "\(kind) \(address.hexadecimal) \(kind.hasSuffix("out") || kind.hasSuffix("write") ? "<-" : "->") \(value.hexadecimal) (\(width))"
    }

    /// Whether it is the same access, whatever the value and the time.
    func isLike(_ other: ExitRecord) -> Bool { kind == other.kind && address == other.address && width == other.width }
}
