/// A message of a Linux kernel on x86 after which it can't be trusted. Each names the fault; docs/verdicts.md lists
/// them.
///
/// The texts are those of the kernel's own messages (kernel/panic.c, arch/x86/kernel/dumpstack.c, arch/x86/mm/fault.c,
/// kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, mm/kasan/report.c). Not included are messages after
/// which a kernel continues correctly: WARNING (including lockdep's reports), UBSAN, a killed process.
public struct KernelDistress: Sendable {
    /// The name: `kernel panic`.
    public let name: String
    /// True if the kernel has stopped for good.
    public let isPanic: Bool
    let expression: String

    private init(_ name: String, _ expression: String, isPanic: Bool = false) {
        self.name = name
        self.expression = expression
        self.isPanic = isPanic
    }

    /// The list is ordered by importance: of several on one line the first counts.
    public static let all = [
        KernelDistress("kernel panic", #"Kernel panic - not syncing"#, isPanic: true),
        // The kernel has no usable exception table yet, and halts.
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
        // For a fault of a process, "ip:" and no comma follows.
        KernelDistress("general protection fault", #"\bgeneral protection fault[,:] "#),
        // The first line of every oops on x86 ends like this: "invalid opcode: 0000 [#1] PREEMPT SMP".
        KernelDistress("oops", #"\bOops(?: -|:) |: [0-9a-f]{4} \[#\d{1,5}\]"#),
    ]

    /// Harmless lines that contain one of these texts: a limit of lockdep's own tables, after which it turns itself
    /// off.
    static let harmless = [#"\bBUG: MAX_(?:LOCKDEP|LOCK|STACK)\w* too low"#, #"\bBUG: \w+ looping lockdep"#]

    /// The last line of a kernel after a panic.
    static let panicEnd = #"\[ end Kernel panic"#
}
