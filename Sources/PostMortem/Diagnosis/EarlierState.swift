public import X86

/// What was known of a vCPU at its last exit before the one with which its registers were lost, and what its stack held
/// at the end.
public struct EarlierState: Sendable, Equatable {
    public var registers: ProcessorRegisters
    /// The same as lines for people.
    public var registerLines: [String] = []
    /// The exit; nil where it was none that is kept.
    public var exit: ExitRecord?
    /// Seconds from then to the end; nil: it had made no exit, and these are the registers with which it began.
    public var age: Double?
    /// Return addresses around the stack pointer of that time, as they stood there at the end.
    public var stack: [StackFrame] = []
    /// Likewise what exceptions left on the stack, oldest first.
    public var exceptions: [ExceptionFrame] = []

    public init(_ registers: ProcessorRegisters) { self.registers = registers }

    /// - Parameter place: the words for where it was.
    func words(_ place: String) -> String {
        guard let age else { return "it had made no exit since it began at \(place)" }
        let occasion = exit.map { "at its last exit, \($0.words)," } ?? "as it was interrupted,"
        return "\(PostMortem.seconds(age)) before, \(occasion) it was at \(place)"
    }

    /// At most 17 lines.
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
