import Testing

/// How guests end on a KVM with hardware virtualization, and what swiftlet makes of it.
@Suite struct GuestEndTests {
    @Test("a KVM failure ends the run with its own status and the registers")
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
        #expect(report.registers.allSatisfy { record.errors.contains("swiftlet: \($0)") }, record.account)
    }

    @Test("after a KVM failure the device is reset and works in the next run")
    func deviceAfterInternalError() async throws {
        let command = try InterruptedRunTests.command(try await EndsLab.session.record("after-fetch"))
        #expect(command & InterruptedRunTests.busMaster == 0, "COMMAND is 0x\(String(command, radix: 16))")
        let next = try await EndsLab.session.record("after-fetch-next")
        #expect(NVMeTests.interruptsOfPass(next) == 9, next.account)
    }

    @Test(
        "each other end has its status and its outcome",
        arguments: [
            ("triplefault", 102, "triple-fault"), ("handler", 102, "triple-fault"), ("panic", 101, "panic"),
            ("reset", 103, "reset"),
            ("reset-kbd", 103, "reset"),
            ("poweroff", 0, "passed"), ("exception", 63, "failed"), ("value", 42, "failed"), ("hang", 124, "timeout"),
            ("spin", 124, "timeout"),
        ] as [(String, Int32, String)])
    func end(_ end: String, _ status: Int32, _ outcome: String) async throws {
        let record = try await EndsLab.session.record("end-\(end)")
        #expect(record.status == status, record.account)
        #expect(record.report?.outcome == outcome)
        #expect(record.report?.exitStatus == status)
        #expect(record.lastWord == record.report.map { "swiftlet: \($0.message)" })
    }

    @Test(
        """
        KVM on AMD's processors loses a triple fault's registers: those of the last exit are said, how old they \
        are, and what the stack tells
        """
    )
    func tripleFault() async throws {
        for (end, place) in [("triplefault", "guest_main+0x"), ("handler", "vector_common+0x")] {
            let record = try await EndsLab.session.record("end-\(end)")
            let vcpu = try #require(record.report?.postMortem?.vcpus.first)
            #expect(
                vcpu.registers.first?.hasPrefix("rip 000000000000fff0 ") == true,
                "the lab's KVM resets them: \(record.account)")
            let earlier = try #require(vcpu.earlier, record.account)
            // The guest's last act before was its line: the last byte to the serial port.
            #expect(vcpu.diagnosis.contains("has reset its registers since; 0."), record.account)
            #expect(
                vcpu.diagnosis.contains(
                    " before, at its last exit, port_out 0x3f8 <- 0xa (1), it was at rip \(earlier.address) ("),
                record.account)
            #expect((0..<1).contains(try #require(earlier.secondsBeforeEnd)))
            try #require(earlier.registers.first?.hasSuffix(" rsp 0000000000000000") == false)
            #expect(record.errors.contains("swiftlet: \(earlier.registers[0])"))
            #expect(!record.errors.contains("swiftlet: \(vcpu.registers[0])"), "registers that say nothing")
            #expect(earlier.stack.first?.symbol?.isEmpty == false, record.account)
            #expect(earlier.stack.contains { $0.symbol?.hasPrefix(place) == true }, record.account)
            let exceptions = earlier.exceptions.map { $0.symbol ?? "" }
            #expect(
                end == "handler" ? exceptions.contains { $0.hasPrefix("broken_handler+0x") } : exceptions.isEmpty,
                record.account)
        }
    }

    @Test("four vCPUs start by INIT and start-up interrupt")
    func processors() async throws {
        let record = try await EndsLab.session.record("smp")
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "smp: 4/4 PASS", record.account)
    }

    @Test("with --on-reset reboot a passed-through device starts again with the machine, and works in the next run")
    func reboot() async throws {
        let record = try await EndsLab.session.record("reboot")
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "ends: it is time", record.account)
        #expect(try #require(record.report).reboots >= 1)
        let command = try InterruptedRunTests.command(try await EndsLab.session.record("after-reboot"))
        #expect(command & InterruptedRunTests.busMaster == 0, "COMMAND is 0x\(String(command, radix: 16))")
        let next = try await EndsLab.session.record("after-reboot-next")
        #expect(NVMeTests.interruptsOfPass(next) == 9, next.account)
    }

    @Test("clock, keyboard controller and the small ports answer as a PC's do")
    func chipset() async throws {
        let record = try await EndsLab.session.record("chipset")
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "chipset: 6/6 PASS", record.account)
    }

    @Test(
        "a guest and a device use huge pages; a lack of them is reported with its number",
        arguments: ["huge", "huge-device"])
    func hugePages(_ name: String) async throws {
        let record = try await EndsLab.session.record(name)
        #expect(record.status == 0, record.account)
    }

    @Test(
        "the command that reserves what is missing",
        arguments: [("huge-none", 32, 0, 32), ("huge-few", 512, 64, 512)] as [(String, Int, Int, Int)])
    func missingHugePages(_ name: String, _ needed: Int, _ free: Int, _ wanted: Int) async throws {
        let record = try await EndsLab.session.record(name)
        #expect(record.status == 69, record.account)
        #expect(
            record.lastWord
                == """
                swiftlet: the guest's memory takes \(needed) huge pages of 2 MiB and \(free) are free: sysctl \
                vm.nr_hugepages=\(wanted)
                """,
            record.account)
    }
}
