import Bytes

/// A local APIC's registers, decoded from its page. Intel SDM volume 3, table 11-1.
public struct LocalAPIC: Sendable, Equatable {
    /// Software-enabled (SVR bit 8).
    public let isEnabled: Bool
    /// Vectors requested and not yet taken, ascending.
    public let requested: [Int]
    /// Vectors being served: taken, and not ended by an EOI.
    public let inService: [Int]
    /// The task priority, 0...255: vectors of its upper four bits' class and below wait.
    public let taskPriority: Int
    /// The timer's vector; nil where it is masked.
    public let timerVector: Int?
    /// What is left of the timer's count; 0: it is not running, or runs by the TSC's deadline.
    public let timerCount: UInt32
    public let timerUsesDeadline: Bool
    /// Whether the PIC's interrupts get through: LINT0 is unmasked and an external interrupt's.
    public let acceptsPIC: Bool
    /// Whether what comes by LINT0, the PIT's ticks among it, comes as an NMI.
    public let makesNMIs: Bool

    /// - Parameter page: 1 KiB, as KVM_GET_LAPIC gives it; nil for less.
    public init?(page: [UInt8]) {
        guard page.count >= 0x400 else { return nil }
        func register(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: page.littleEndian(at: offset, count: 4)) }
        func vectors(_ offset: Int) -> [Int] {
            (0..<256).filter { register(offset + $0 / 32 * 16) >> UInt32($0 % 32) & 1 != 0 }
        }
        isEnabled = register(0xF0) & 0x100 != 0
        taskPriority = Int(register(0x80) & 0xFF)
        inService = vectors(0x100)
        requested = vectors(0x200)
        let timer = register(0x320)
        timerVector = timer & 1 << 16 == 0 ? Int(timer & 0xFF) : nil
        timerCount = register(0x390)
        timerUsesDeadline = timer >> 17 & 3 == 2
        let lint0 = register(0x350)
        acceptsPIC = lint0 & 1 << 16 == 0 && lint0 >> 8 & 7 == 7
        makesNMIs = lint0 & 1 << 16 == 0 && lint0 >> 8 & 7 == 4
    }

    /// Whether a requested vector has the priority to be taken now.
    public var canDeliver: Bool {
        guard isEnabled, let highest = requested.last else { return false }
        return highest >> 4 > max(taskPriority >> 4, (inService.last ?? 0) >> 4)
    }

    /// In words: what is requested and in service, and what holds it.
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
