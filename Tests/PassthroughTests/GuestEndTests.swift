import Testing

/// How guests end on a KVM with hardware virtualization, and what swiftlet makes of it.
@Suite struct GuestEndTests {
    @Test("where KVM can't go on there is a status of its own and the registers, never a hang")
    func internalError() async throws {
        let record = try await EndsLab.session.record("fetch")
        #expect(record.status == 104, record.account)
        #expect(record.output == ["ends: fetch"], record.account)
        #expect(record.lastWord.hasPrefix("swiftlet: KVM could not go on with vCPU 0: "), record.account)
        // It jumped there.
        #expect(record.errors.contains { $0.hasPrefix("swiftlet: rip 00000000d0000000 ") }, record.account)
        let report = try #require(record.report)
        #expect(report.outcome == "internal-error")
        #expect(report.exitStatus == 104)
        #expect(report.registers.contains { $0.hasPrefix("rip 00000000d0000000 ") })
        #expect(record.errors.dropLast() == report.registers.map { "swiftlet: \($0)" }[...])
    }

    @Test("a device that was in the guest then is put back and works in the next run")
    func deviceAfterInternalError() async throws {
        let command = try InterruptedRunTests.command(try await EndsLab.session.record("after-fetch"))
        #expect(command & InterruptedRunTests.busMaster == 0, "COMMAND is 0x\(String(command, radix: 16))")
        let next = try await EndsLab.session.record("after-fetch-next")
        #expect(NVMeTests.interruptsOfPass(next) == 9, next.account)
    }

    @Test(
        "each other end has its status and its outcome",
        arguments: [
            ("triplefault", 102, "triple-fault"), ("panic", 101, "panic"), ("reset", 103, "reset"), ("reset-kbd", 103, "reset"),
            ("poweroff", 0, "passed"), ("exception", 63, "failed"), ("value", 42, "failed"), ("hang", 124, "timeout"), ("spin", 124, "timeout"),
        ] as [(String, Int32, String)])
    func end(_ end: String, _ status: Int32, _ outcome: String) async throws {
        let record = try await EndsLab.session.record("end-\(end)")
        #expect(record.status == status, record.account)
        #expect(record.report?.outcome == outcome)
        #expect(record.report?.exitStatus == status)
        #expect(record.lastWord == record.report.map { "swiftlet: \($0.message)" })
    }

    @Test("four vCPUs start by INIT and start-up interrupt")
    func processors() async throws {
        let record = try await EndsLab.session.record("smp")
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "smp: 4/4 PASS", record.account)
    }
}
