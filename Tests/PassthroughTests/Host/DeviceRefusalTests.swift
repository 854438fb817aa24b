import Testing

/// Devices that can't be passed through as asked: one sentence with the way out, a status from the table, and nothing
/// is lost.
@Suite struct DeviceRefusalTests {
    private func refusal(_ name: String, status: Int32) async throws -> String {
        let record = try await HostLab.session.record(name)
        #expect(record.status == status, record.account)
        #expect(record.output.isEmpty, record.account)
        #expect(record.errors.count == 1, record.account)
        // A run that never started is accounted for in its report too.
        if let report = record.report {
            #expect(report.outcome == "not-started")
            #expect(report.exitStatus == status)
            #expect("swiftlet: \(report.message)" == record.lastWord)
        }
        return record.lastWord
    }

    @Test("an absent function is refused, with similar ones named")
    func missing() async throws {
        let candidate = "0000:00:04.0 (Intel Corporation 82574L Gigabit Network Connection)"
        #expect(
            try await refusal("near-function", status: 66)
                == "swiftlet: there is no PCI function 0000:00:04.7 on this host; did you mean \(candidate)?")
        // Nothing is near: NICs are what people pass.
        #expect(
            try await refusal("near-nothing", status: 66)
                == "swiftlet: there is no PCI function 0000:00:0a.0 on this host; did you mean \(candidate)?")
    }

    @Test("a text that is no address is refused")
    func nonsense() async throws {
        let record = try await HostLab.session.record("nonsense")
        #expect(record.status == 64, record.account)
        #expect(record.errors.contains { $0.contains("'nonsense'") && $0.contains("--device") }, record.account)
    }

    @Test("a bridge is refused")
    func bridge() async throws {
        #expect(
            try await refusal("bridge", status: 64)
                == """
                swiftlet: 0000:00:06.0 is a bridge, and bridges stay with the host; name the function behind it: \
                swiftlet devices lists them
                """
        )
    }

    @Test("a device with a host driver is refused with a command that fixes it")
    func bound() async throws {
        #expect(
            try await refusal("bound", status: 69)
                == "swiftlet: 0000:00:04.0 is bound to the host driver e1000e; swiftlet devices bind 0000:00:04.0")
        #expect(try await HostLab.session.record("bind").status == 0)
        let record = try await HostLab.session.record("after-bind")
        #expect(record.status == 0, record.account)
        #expect(NICTests.interruptsOfPass(record, mode: .msix) != nil, record.account)
    }

    @Test("a device without a driver is refused")
    func unbound() async throws {
        #expect(
            try await refusal("unbound", status: 69)
                == "swiftlet: 0000:00:05.0 is bound to no driver, not even vfio-pci; swiftlet devices bind 0000:00:05.0"
        )
    }

    @Test("a group with another bound device is refused with a command that fixes it")
    func sharedGroup() async throws {
        let sentence = try await refusal("shared", status: 69)
        let match = try #require(
            sentence.wholeMatch(
                of:
                    /swiftlet: 0000:00:1f\.2 shares IOMMU group [0-9]+ with 0000:00:1f\.3, which is bound to the host driver ([a-z0-9_]+); (.*)/
            ),
            "\(sentence)")
        #expect(match.1 == "i801_smbus")
        #expect(match.2 == "swiftlet devices bind 0000:00:1f.3")
        #expect(try await HostLab.session.record("bind-bus").status == 0)
        let record = try await HostLab.session.record("shared-after")
        #expect(record.status == 0, record.account)
    }

    @Test("a device of another run is refused with its process; that run continues")
    func busy() async throws {
        let second = try await EndsLab.session.record("second")
        #expect(second.status == 69, second.account)
        #expect(
            second.lastWord.wholeMatch(
                of:
                    /swiftlet: \/dev\/vfio\/[0-9]+ is in use: process ([0-9]+) \(swiftlet\) has it open; end process ([0-9]+)/
            )
            .map { $0.1 == $0.2 } == true, second.account)
        let first = try await EndsLab.session.record("first")
        #expect(first.status == 0, first.account)
        #expect(first.output.contains("nvme: going on"), first.account)
        #expect(NVMeTests.interruptsOfPass(first) == 9, first.account)
        #expect(NVMeTests.interruptsOfPass(try await EndsLab.session.record("third")) == 9)
    }

    @Test("a repeated device, a repeated slot and a nonexistent slot are refused; the devices stay free")
    func twice() async throws {
        #expect(try await refusal("twice", status: 64).contains("0000:00:04.0"))
        #expect(
            try await refusal("same-slot", status: 64)
                == "swiftlet: 0000:00:04.0: PCI slot 3 is taken: give another with slot=N, 1...31")
        let slot = try await HostLab.session.record("slot-0")
        #expect(slot.status == 64, slot.account)
        let after = try await HostLab.session.record("after-slots")
        #expect(after.status == 0, after.account)
        #expect(after.report?.devices.map(\.slot) == [3, 4])
    }
}
