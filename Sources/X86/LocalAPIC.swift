import Bytes

/// A local APIC's registers, decoded from its page. Intel SDM volume 3, table 11-1.
public struct LocalAPIC: Sendable, Equatable {
    /// True if software-enabled (SVR bit 8).
    public let isEnabled: Bool
    /// Vectors requested and not yet accepted, ascending.
    public let requested: [Int]
    /// Vectors in service: accepted, and not ended by an EOI.
    public let inService: [Int]
    /// The task priority, 0...255: vectors of the class in its upper four bits and of lower classes wait.
    public let taskPriority: Int
    /// The timer's vector; nil if it is masked.
    public let timerVector: Int?
    /// The timer's remaining count; 0 if it is not running, or uses the TSC deadline.
    public let timerCount: UInt32
    public let timerUsesDeadline: Bool
    /// True if the PIC's interrupts reach the processor: LINT0 is unmasked and set to ExtINT.
    public let acceptsPIC: Bool
    /// True if LINT0 delivers its interrupts, such as the PIT's ticks, as NMIs.
    public let makesNMIs: Bool

    /// Offsets in the APIC page.
    private enum Register {
        static let taskPriority = 0x80
        /// SVR.
        static let spuriousVector = 0xF0
        /// ISR and IRR: 32 vectors every 16 bytes.
        static let inService = 0x100
        static let requested = 0x200
        static let timer = 0x320
        static let lint0 = 0x350
        static let timerCurrentCount = 0x390
    }

    /// Bit 8 of the spurious-interrupt vector register: the APIC is software-enabled.
    private static let softwareEnable: UInt32 = 1 << 8

    /// A local vector table entry; figure 11-8.
    private struct LocalVector {
        let value: UInt32

        var vector: Int { Int(value & 0xFF) }
        /// 0 fixed, 4 NMI, 7 ExtINT.
        var deliveryMode: UInt32 { value >> 8 & 7 }
        var isMasked: Bool { value & 1 << 16 != 0 }
        /// 0 one-shot, 1 periodic, 2 TSC deadline.
        var timerMode: UInt32 { value >> 17 & 3 }

        static let nmi: UInt32 = 4
        static let externalInterrupt: UInt32 = 7
        static let tscDeadline: UInt32 = 2
    }

    /// - Parameter page: 1 KiB, as KVM_GET_LAPIC gives it; nil for less.
    public init?(page: [UInt8]) {
        guard page.count >= 0x400 else { return nil }
        func register(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: page.littleEndian(at: offset, count: 4)) }
        func vectors(_ offset: Int) -> [Int] {
            (0..<256).filter { register(offset + $0 / 32 * 16) >> UInt32($0 % 32) & 1 != 0 }
        }
        isEnabled = register(Register.spuriousVector) & Self.softwareEnable != 0
        taskPriority = Int(register(Register.taskPriority) & 0xFF)
        inService = vectors(Register.inService)
        requested = vectors(Register.requested)
        let timer = LocalVector(value: register(Register.timer))
        timerVector = timer.isMasked ? nil : timer.vector
        timerCount = register(Register.timerCurrentCount)
        timerUsesDeadline = timer.timerMode == LocalVector.tscDeadline
        let lint0 = LocalVector(value: register(Register.lint0))
        acceptsPIC = !lint0.isMasked && lint0.deliveryMode == LocalVector.externalInterrupt
        makesNMIs = !lint0.isMasked && lint0.deliveryMode == LocalVector.nmi
    }

    /// True if a requested vector has enough priority to be accepted now.
    public var canDeliver: Bool {
        guard isEnabled, let highest = requested.last else { return false }
        return highest >> 4 > max(taskPriority >> 4, (inService.last ?? 0) >> 4)
    }

    /// The state as text: requests, vectors in service, and what blocks them.
    public var words: String {
        var parts = [isEnabled ? "enabled" : "disabled"]
        parts.append(requested.isEmpty ? "nothing pending" : "pending \(Self.list(requested))")
        parts.append(inService.isEmpty ? "nothing in service" : "in service \(Self.list(inService))")
        if taskPriority > 0 { parts.append("task priority \(UInt64(taskPriority).hexadecimal)") }
        if let timerVector {
            let state = timerUsesDeadline ? "by the TSC's deadline" : timerCount > 0 ? "running" : "not running"
            parts.append("timer \(state), vector \(UInt64(timerVector).hexadecimal)")
        } else {
            parts.append("timer masked")
        }
        return parts.joined(separator: ", ")
    }

    private static func list(_ vectors: [Int]) -> String {
        let shown = vectors.prefix(8).map { UInt64($0).hexadecimal }.joined(separator: " ")
        return (vectors.count == 1 ? "vector " : "vectors ") + shown + (vectors.count > 8 ? " ..." : "")
    }
}
