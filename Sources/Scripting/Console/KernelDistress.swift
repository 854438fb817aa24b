/// What a Linux kernel on x86 says when it can't be trusted any more. Each names what is wrong; docs/verdicts.md lists
/// them.
///
/// The words are those of the kernel's own messages (kernel/panic.c, arch/x86/kernel/dumpstack.c, arch/x86/mm/fault.c,
/// kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, mm/kasan/report.c). Not here, because a kernel goes
/// on after them as it should: WARNING (lockdep's reports among them), UBSAN, a process that was killed.
public struct KernelDistress: Sendable {
    /// In words: `kernel panic`.
    public let name: String
    /// Whether the kernel has stopped for good.
    public let isPanic: Bool
    let expression: String

    private init(_ name: String, _ expression: String, isPanic: Bool = false) {
        self.name = name
        self.expression = expression
        self.isPanic = isPanic
    }

    /// The order is that of importance: of several on one line the first counts.
    public static let all = [
        KernelDistress("kernel panic", #"Kernel panic - not syncing"#, isPanic: true),
        // Before there is an exception table worth the name; the kernel halts.
        KernelDistress("early exception", #"PANIC: (?:early exception|double fault)"#, isPanic: true),
        KernelDistress("KASAN report", #"\bBUG: KASAN: "#),
        KernelDistress("KCSAN report", #"\bBUG: KCSAN: "#),
        KernelDistress("KMSAN report", #"\bBUG: KMSAN: "#),
        KernelDistress("KFENCE report", #"\bBUG: KFENCE: "#),
        KernelDistress("soft lockup", #"\bBUG: soft lockup"#),
        KernelDistress("workqueue lockup", #"\bBUG: workqueue lockup"#),
        KernelDistress("bad memory access", #"(?i:unable to handle (?:kernel |page fault))"#),
        KernelDistress("kernel BUG", #"\bkernel BUG at |\bBUG: "#),
        KernelDistress("hard lockup", #"[Ww]atchdog detected hard LOCKUP"#),
        KernelDistress("RCU stall", #"\bINFO: rcu_\w+ (?:self-)?detected (?:expedited )?stall"#),
        KernelDistress("hung task", #"\bINFO: task .+ blocked (?:in I/O wait )?for more than \d"#),
        // A process's own has "ip:" behind it and no comma.
        KernelDistress("general protection fault", #"\bgeneral protection fault[,:] "#),
        // The head of every oops on x86 ends so: "invalid opcode: 0000 [#1] PREEMPT SMP".
        KernelDistress("oops", #"\bOops(?: -|:) |: [0-9a-f]{4} \[#\d{1,5}\]"#),
    ]

    /// Lines that hold a word of the above and mean no harm: a limit of lockdep's own tables, after which it turns
    /// itself off.
    static let harmless = [#"\bBUG: MAX_(?:LOCKDEP|LOCK|STACK)\w* too low"#, #"\bBUG: \w+ looping lockdep"#]

    /// What a kernel says last.
    static let panicEnd = #"\[ end Kernel panic"#
}
