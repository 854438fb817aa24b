import Testing

@testable import Scripting

/// Messages as Linux prints them, and what they are taken for.
@Suite struct KernelDistressTests {
    @Test func everyExpressionCanBeRead() throws {
        for distress in KernelDistress.all { _ = try RegularExpression(distress.expression) }
        for text in KernelDistress.harmless + [KernelDistress.panicEnd] { _ = try RegularExpression(text) }
    }

    @Test(
        arguments: [
            (
                "[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
                "kernel panic"
            ),
            ("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100", "kernel panic"),
            ("PANIC: early exception 0x0e IP 10:ffffffff81a00000 error 0 cr2 0xffffffffff200fff", "early exception"),
            ("[    3.1] BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0xa8/0xbc [test_kasan]", "KASAN report"),
            ("[    3.1] BUG: KCSAN: data-race in foo / bar", "KCSAN report"),
            ("[    3.1] BUG: KMSAN: uninit-value in foo", "KMSAN report"),
            ("[    3.1] BUG: KFENCE: use-after-free read in test_use_after_free_read+0x8f/0x15c", "KFENCE report"),
            ("[   28.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [insmod:87]", "soft lockup"),
            ("[   28.0] NMI watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [swapper:1]", "soft lockup"),
            (
                "[   60.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!",
                "workqueue lockup"
            ),
            ("[    2.0] BUG: unable to handle page fault for address: 0000000000001234", "bad memory access"),
            ("[    2.0] BUG: kernel NULL pointer dereference, address: 0000000000000000", "kernel BUG"),
            (
                "[    2.0] BUG: unable to handle kernel NULL pointer dereference at 0000000000000008",
                "bad memory access"
            ),
            (
                "[    2.0] Unable to handle kernel paging request at virtual address dead000000000108",
                "bad memory access"
            ),
            ("[    2.0] kernel BUG at mm/slub.c:305!", "kernel BUG"),
            ("[    2.0] BUG: sleeping function called from invalid context at a.c:1", "kernel BUG"),
            ("[    2.0] BUG: scheduling while atomic: swapper/0/1/0x00000002", "kernel BUG"),
            ("[    2.0] BUG: Bad page state in process init  pfn:12345", "kernel BUG"),
            ("[   40.0] watchdog: Watchdog detected hard LOCKUP on cpu 0", "hard lockup"),
            ("[   40.0] NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", "hard lockup"),
            ("[   21.0] rcu: INFO: rcu_preempt self-detected stall on CPU", "RCU stall"),
            ("[   21.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", "RCU stall"),
            ("INFO: rcu_sched self-detected stall on CPU", "RCU stall"),
            (
                "[   21.0] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 7 jiffies",
                "RCU stall"
            ),
            ("[  242.0] INFO: task kworker/u4:1:24 blocked for more than 120 seconds.", "hung task"),
            ("[  242.0] INFO: task my prog:240 blocked in I/O wait for more than 122 seconds.", "hung task"),
            ("[    2.0] general protection fault: 0000 [#1] SMP PTI", "general protection fault"),
            (
                """
                [    2.0] general protection fault, probably for non-canonical address 0xdead000000000122: 0000 \
                [#1] PREEMPT SMP NOPTI
                """,
                "general protection fault"
            ),
            ("[    2.0] Oops: 0002 [#1] PREEMPT SMP NOPTI", "oops"),
            ("[    2.0] Oops: Oops: 0000 [#1] SMP PTI", "oops"),
            ("[    2.0] invalid opcode: 0000 [#1] SMP", "oops"), ("[    2.0] stack segment: 0000 [#2] SMP", "oops"),
            ("[    2.0] divide error: 0000 [#1] SMP", "oops"),
            ("host login: [    2.0] BUG: spinlock bad magic on CPU#0, init/1", "kernel BUG"),
        ] as [(String, String)])
    func whatIsDistress(line: String, name: String) throws {
        var guest = try Guest()
        guest.says("before\r\n\(line)\r\nafter\r\n")
        let failure = try #require(guest.watcher.findings.failure)
        #expect(failure.cause == .kernel(name, isPanic: name == "kernel panic" || name == "early exception"))
        #expect(failure.sighting.line == line)
        #expect((guest.watcher.findings.panic != nil) == (failure.cause == .kernel(name, isPanic: true)))
    }

    @Test(
        arguments: [
            "[    0.0] Command line: console=ttyS0 panic=-1 oops=panic softlockup_panic=1 hung_task_panic=1",
            "[    1.0] INFO: lockdep is turned off.",
            "[    1.0] INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.234 msecs",
            "[    1.0] INFO: possible recursive locking detected",
            "[    1.0] WARNING: CPU: 0 PID: 1 at kernel/foo.c:12 bar+0x1/0x2",
            "[    1.0] ------------[ cut here ]------------",
            "[    1.0] WARNING: suspicious RCU usage", "[    1.0] UBSAN: shift-out-of-bounds in a.c:1:2",
            "[    1.0] ---[ end trace 0000000000000000 ]---",
            "[    1.0] traps: a.out[99] general protection fault ip:401126 sp:7ffc error:0 in a.out[401000+1000]",
            "[    1.0] traps: a.out[99] trap invalid opcode ip:401126 sp:7ffc error:0",
            "[    1.0] a.out[99]: segfault at 0 ip 0000 sp 0000 error 4 in a.out",
            "[    1.0] BUG: MAX_LOCKDEP_CHAINS too low!", "[    1.0] BUG: MAX_LOCK_DEPTH too low!",
            "[    1.0] BUG: MAX_STACK_TRACE_ENTRIES too low!",
            "[    1.0] DEBUG: nothing wrong", "[    1.0] Out of memory: Killed process 12 (a)",
            "[    1.0] rcu: Hierarchical RCU implementation.",
            "[    1.0] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
            "[    1.0] watchdog: Delayed init of the lockup detector failed: -19",
            "[    1.0] Bluetooth: BUGS are welcome", "ends: panic", "[    1.0] x86/fpu: Oopsy",
            "[    1.0] x86/PAT: bugs: 0000 [x]",
        ])
    func whatIsNone(line: String) throws {
        var guest = try Guest()
        guest.says("before\r\n\(line)\r\nafter\r\n")
        #expect(guest.watcher.findings.failure == nil)
        #expect(!guest.waits(10).endsRun)
    }

    private static let panic =
        """
        [    1.0] Kernel panic - not syncing: Attempted to kill init!\r\n[    1.0] CPU: 0 PID: 1 Comm: init\r\n[   \
         1.0] Call Trace:\r\n
        """
    private static let panicEnd = "[    1.0] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n"

    @Test func aPanicEndsTheRunWhenItHasBeenTold() throws {
        var guest = try Guest(expect: ["login:"])
        #expect(!guest.says(Self.panic).endsRun, "its trace is still to come")
        guest.now += 0.05
        #expect(guest.says(Self.panicEnd).endsRun)
    }

    @Test func aPanicThatIsNeverToldToItsEndIsCutOff() throws {
        var guest = try Guest()
        guest.says(Self.panic)
        #expect(guest.waits(5).endsRun, "it stopped speaking")
        #expect(guest.now < 0.3, "it stopped speaking")
        guest = try Guest()
        guest.says(Self.panic)
        var ended = false
        while !ended && guest.now < 5 {
            guest.now += 0.01
            ended = guest.says(String(repeating: "more\n", count: 100)).endsRun
        }
        #expect(guest.now < 1, "it went on speaking")
    }

    /// A slow serial console needs its time for a report; a panic in it begins one of its own.
    @Test(arguments: [(false, 2.9...3.1), (true, 3.9...4.1)] as [(Bool, ClosedRange<Double>)])
    func aReportThatIsToldSlowlyIsHeardOut(becomesPanic: Bool, end: ClosedRange<Double>) throws {
        var guest = try Guest()
        guest.says("[    1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 4s! [insmod:101]\n")
        var ended = false
        while !ended && guest.now < 5 {
            guest.now += 0.01
            if becomesPanic, guest.now >= 1, guest.watcher.findings.panic == nil { guest.says(Self.panic) }
            ended = guest.says("more\n").endsRun
        }
        #expect(end.contains(guest.now), "\(guest.now) s")
    }

    @Test func anOopsThatBecomesAPanicIsBoth() throws {
        var guest = try Guest()
        guest.says("[    1.0] BUG: unable to handle page fault for address: 0\r\n[    1.0] Oops: 0002 [#1] SMP\r\n")
        #expect(!guest.waits(0.1).endsRun)
        #expect(guest.says("[    1.1] Kernel panic - not syncing: Fatal exception\r\n" + Self.panicEnd).endsRun)
        let findings = guest.watcher.findings
        #expect(findings.failure?.cause == .kernel("bad memory access", isPanic: false))
        #expect(findings.panic?.sighting.line == "[    1.1] Kernel panic - not syncing: Fatal exception")
    }

    @Test func distressAfterWhatWasExpectedStillFails() throws {
        var guest = try Guest(expect: ["done"])
        guest.says("done\r\n")
        guest.now += 0.05
        guest.says("[    1.0] BUG: KASAN: use-after-free in foo\r\n")
        #expect(guest.waits(1).endsRun)
        #expect(guest.watcher.findings.failure != nil)
    }

    @Test func turnedOffNothingIsLookedFor() throws {
        var guest = try Guest(kernel: false)
        guest.says(Self.panic + Self.panicEnd)
        #expect(guest.watcher.findings.failure == nil)
        #expect(!guest.waits(10).endsRun)
    }
}
