import Bytes
public import X86

/// What one vCPU was when it had stopped.
public struct VCPUState: Sendable, Equatable {
    /// Where it was at some moment.
    public struct Sample: Sendable, Equatable {
        /// Linear, of its next instruction.
        public let address: UInt64
        public let hasInterruptsOn: Bool

        public init(address: UInt64, hasInterruptsOn: Bool) {
            (self.address, self.hasInterruptsOn) = (address, hasInterruptsOn)
        }
    }

    public let number: UInt32
    /// nil where KVM won't tell.
    public var registers: ProcessorRegisters?
    /// The same as lines for people.
    public var registerLines: [String] = []
    public var activity: ProcessorActivity?
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
        return
            """
            \(kind) \(address.hexadecimal) \(kind.hasSuffix("out") || kind.hasSuffix("write") ? "<-" : "->") \
            \(value.hexadecimal) (\(width))
            """
    }

    /// Whether it is the same access, whatever the value and the time.
    func isLike(_ other: ExitRecord) -> Bool { kind == other.kind && address == other.address && width == other.width }
}
