import Testing

/// What is said of a stock Debian kernel that panics, oopses, locks up or finds no root, and how soon.
@Suite struct DistressTests {
    private func record(_ name: String) async throws -> LabRecord { try await DistressLab.session.record(name) }

    /// The verdict, and that it came when the kernel had said its words, long before the limit of two minutes.
    static func verdict(_ record: LabRecord, _ status: Int32, _ outcome: String, kind: String, words: String) throws
        -> RunReport.PostMortem
    {
        let report = try #require(record.report, record.account)
        #expect(record.status == status, record.account)
        #expect(report.outcome == outcome, record.account)
        #expect(record.lastWord.contains(words), record.account)
        let failure = try #require(report.console?.failures.first, record.account)
        #expect(failure.kind == kind)
        // Within a second of its last line, and of its first within three; the machines that tests run on may be busy.
        let wait = report.durationSeconds - (try #require(failure.seconds))
        #expect((0...5).contains(wait), "\(wait) s")
        return try #require(report.postMortem, record.account)
    }

    private func verdict(_ name: String, _ status: Int32, _ outcome: String, kind: String, words: String) async throws
        -> RunReport.PostMortem
    {
        try Self.verdict(try await record(name), status, outcome, kind: kind, words: words)
    }

    private func has(_ function: String, _ examined: RunReport.PostMortem) -> Bool { Self.has(function, examined) }

    static func has(_ function: String, _ examined: RunReport.PostMortem) -> Bool {
        examined.vcpus.first?.backtrace.contains {
            $0.symbol?.hasPrefix(function) == true && $0.symbol?.contains("+0x") == true
        } == true
    }

    @Test("a missing root file system is reported as a panic with its call trace, despite the reset after it")
    func noRoot() async throws {
        let examined = try await verdict(
            "no-root", 101, "panic", kind: "kernel panic", words: "the guest's kernel panicked: \"[ ")
        #expect(
            try await record("no-root").lastWord.contains(
                "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"))
        for function in ["panic", "prepare_namespace", "kernel_init_freeable"] {
            #expect(has(function, examined), "\(function): \(examined.vcpus)")
        }
    }

    @Test("a panic without a reset ends the run before its time limit")
    func panic() async throws {
        let examined = try await verdict(
            "panic", 101, "panic", kind: "kernel panic", words: "Kernel panic - not syncing: sysrq triggered crash")
        for function in ["panic", "sysrq_handle_crash", "__handle_sysrq"] {
            #expect(has(function, examined), "\(function): \(examined.vcpus)")
        }
        let diagnosis = try #require(examined.vcpus.first?.diagnosis)
        #expect(diagnosis.hasPrefix("vCPU 0 is "), "\(diagnosis)")
        #expect(diagnosis.contains("("), "\(diagnosis)")
        #expect(diagnosis.contains("+0x"), "\(diagnosis)")
    }

    @Test("a relocated kernel's symbols are found")
    func movedKernel() async throws {
        let record = try await record("panic")
        // The kernel says so itself: Kernel Offset: 0x11800000 from 0xffffffff81000000 (...).
        let line = try #require(record.output.first { $0.contains("Kernel Offset: 0x") }, record.account)
        let shift = try #require(line.split(separator: "Kernel Offset: 0x").last?.prefix { $0.isHexDigit }).description
        let offset = try #require(UInt64(shift, radix: 16))
        #expect(offset > 0)
        let symbols = try await self.record("symbols").output.map { $0.split(separator: " ") }
        let address = try #require(symbols.first { $0.last == "panic" }?.first.flatMap { UInt64($0, radix: 16) })
        let text = try #require(symbols.first { $0.last == "_text" }?.first.flatMap { UInt64($0, radix: 16) })
        #expect(text == 0xFFFF_FFFF_8100_0000, "the lab's host lies where it was linked to")
        let frame = try #require(
            record.report?.postMortem?.vcpus.first?.backtrace.first { $0.symbol?.hasPrefix("panic+0x") == true },
            record.account)
        let distance = try #require(frame.symbol.flatMap { UInt64($0.dropFirst("panic+0x".count), radix: 16) })
        #expect(UInt64(frame.address.dropFirst(2), radix: 16) == address + offset + distance)
    }

    @Test("an oops in a module fails the run although the kernel continues")
    func oops() async throws {
        let examined = try await verdict(
            "oops", 1, "failed", kind: "kernel BUG",
            words: "BUG: kernel NULL pointer dereference, address: 0000000000000008")
        let record = try await record("oops")
        #expect(record.output.contains { $0.contains("RIP: 0010:faulty_write+0x0") }, record.account)
        #expect(record.output.contains { $0.contains("---[ end trace") }, "its report is not cut off")
        let vcpu = try #require(examined.vcpus.first)
        #expect(
            vcpu.diagnosis.contains("+0x"),
            "\(vcpu.diagnosis)")
        #expect(
            vcpu.registers.first?.hasPrefix("rip ffffffff") == true,
            "\(vcpu.diagnosis)")
    }

    @Test("the post-mortem says that the guest waits for a vector it has masked")
    func maskedVector() async throws {
        let record = try await record("masked")
        #expect(record.status == 124, record.account)
        #expect(record.output.last == "nvme: waiting for vector 0, which is masked and pends", record.account)
        let examined = try #require(record.report?.postMortem)
        let diagnosis = try #require(examined.vcpus.first?.diagnosis)
        #expect(
            diagnosis.hasPrefix("vCPU 0 is halted at rip 0x"),
            "\(diagnosis)")
        #expect(
            diagnosis.hasSuffix(
                ", waiting for an interrupt: MSI-X vector 0 of \(DistressLab.nvme) is masked, 1 pending"),
            "\(diagnosis)")
        #expect(record.errors.contains("swiftlet: \(diagnosis)"))
        #expect(
            record.errors.contains {
                $0.hasPrefix("swiftlet: \(DistressLab.nvme): MSI-X") && $0.contains("masked 0")
                    && $0.hasSuffix("pending 0")
            })
    }
}
