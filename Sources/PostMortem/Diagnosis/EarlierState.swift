public import X86

/// A vCPU's state at the last exit before the one that lost its registers, and the contents of its stack at the end.
public struct EarlierState: Sendable, Equatable {
    public var registers: ProcessorRegisters
    /// The registers as lines for people.
    public var registerLines: [String] = []
    /// The exit; nil if it is of a kind that is not kept.
    public var exit: ExitRecord?
    /// Seconds from then to the end; nil if it had made no exit, and these are its initial registers.
    public var age: Double?
    /// Return addresses around the stack pointer of that time, from the stack at the end.
    public var stack: [StackFrame] = []
    /// Exception frames on the stack, oldest first.
    public var exceptions: [ExceptionFrame] = []

    public init(_ registers: ProcessorRegisters) { self.registers = registers }

    /// - Parameter place: the text for its position.
    func words(_ place: String) -> String {
        guard let age else { return "it had made no exit since it began at \(place)" }
        let occasion = exit.map { "at its last exit, \($0.words)," } ?? "as it was interrupted,"
        return "\(PostMortem.seconds(age)) before, \(occasion) it was at \(place)"
    }

    /// Returns at most 17 lines.
    func lines(_ number: UInt32) -> [String] {
        let moment = age.map { "\(PostMortem.seconds($0)) before the triple fault" } ?? "at its beginning"
        var lines = ["registers of vCPU \(number) as they were \(moment):"] + registerLines
        if !exceptions.isEmpty {
            lines.append(
                "exceptions whose frames lie near that stack pointer, the oldest first (they may be leftovers):")
            lines += ExceptionFrame.runs(exceptions).prefix(2).map { "  " + $0 }
        }
        if stack.count > 1 {
            lines.append(
                "from the stack near that pointer, as the triple fault left it (? = found on the stack, may be stale):")
            lines += stack.prefix(exceptions.isEmpty ? 8 : 5).map { "  " + $0.words }
        }
        return lines
    }
}
