import Bytes
public import X86

/// The state of one vCPU after it has stopped.
public struct VCPUState: Sendable, Equatable {
    /// A RIP sample.
    public struct Sample: Sendable, Equatable {
        /// The linear address of its next instruction.
        public let address: UInt64
        public let hasInterruptsOn: Bool

        public init(address: UInt64, hasInterruptsOn: Bool) {
            (self.address, self.hasInterruptsOn) = (address, hasInterruptsOn)
        }
    }

    public let number: UInt32
    /// The registers; nil if KVM doesn't provide them.
    public var registers: ProcessorRegisters?
    /// The registers as lines for people.
    public var registerLines: [String] = []
    public var activity: ProcessorActivity?
    public var apic: LocalAPIC?
    /// Samples shortly before the end; empty if none were taken.
    public var samples: [Sample] = []
    /// Its last exits, oldest first.
    public var trail: [ExitRecord] = []
    /// The number of all its exits.
    public var exitCount: UInt64 = 0
    /// Bytes of code at RIP, including one before it.
    public var code: [UInt8] = []
    /// The call stack, innermost frame first.
    public var backtrace: [StackFrame] = []
    /// The state before a triple fault that lost the registers.
    public var earlier: EarlierState?

    public init(number: UInt32) { self.number = number }

    /// True if it sleeps in HLT. If KVM doesn't report the activity, this follows from the instruction before RIP,
    /// unless samples show the vCPU elsewhere.
    var isHalted: Bool {
        switch activity {
        case .halted: true
        case nil: code.first == 0xF4 && samples.allSatisfy { $0.address == registers?.instruction }
        default: false
        }
    }
}

/// One exit in the flight recorder.
public struct ExitRecord: Sendable, Equatable {
    /// The exit's kind, by its name in reports.
    public let kind: String
    /// The port or guest-physical address; 0 if the kind has none.
    public let address: UInt64
    /// The access's size in bytes; 0 if the kind has none.
    public let width: Int
    /// The value written or read; 0 if the kind has none.
    public let value: UInt64
    /// Seconds before the run's end; negative if unknown.
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

    /// Returns true for the same access, regardless of value and time.
    func isLike(_ other: ExitRecord) -> Bool { kind == other.kind && address == other.address && width == other.width }
}
