import Testing

/// What a guest may rely on when it masks interrupts: guests/intx with an edu and an e1000e on one line, claim by
/// claim.
@Suite struct InterruptMaskTests {
    static let claims =
        PassthroughLab.lineClaims + [
            "masked-msix", "masked-msix-unused", "function-mask", "msix-retarget", "msi-blocked", "dma-inside",
            "dma-outside",
        ]

    private func record(_ delivery: MessageDelivery) async throws -> LabRecord {
        try await PassthroughLab.session.record("intx-\(delivery.rawValue)")
    }

    @Test("the guest's claim holds", arguments: claims, MessageDelivery.allCases)
    func claim(_ claim: String, _ delivery: MessageDelivery) async throws {
        let record = try await record(delivery)
        #expect(record.claim(claim, of: "intx")?.hasPrefix("ok") == true, record.account)
    }

    @Test("the guest's claim holds on the e1000e's line", arguments: PassthroughLab.lineClaims)
    func claimOfTheNIC(_ claim: String) async throws {
        let record = try await PassthroughLab.session.record("intx-e1000e")
        #expect(record.claim(claim, of: "intx")?.hasPrefix("ok") == true, record.account)
    }

    @Test("the guest's claim holds with two test functions on one line", arguments: PassthroughLab.testFunctionClaims)
    func claimOfTheTestFunction(_ claim: String) async throws {
        let record = try await PassthroughLab.session.record("intx-test")
        #expect(record.claim(claim, of: "intx")?.hasPrefix("ok") == true, record.account)
    }

    @Test("every claim about the test function was checked, and the report counts what it raised")
    func everythingOfTheTestFunction() async throws {
        let record = try await PassthroughLab.session.record("intx-test")
        let count = PassthroughLab.testFunctionClaims.count
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "intx: \(count)/\(count) PASS", record.account)
        let device = try #require(record.report?.device("test function in slot 1"), record.account)
        let first = try #require(device.messages.first { $0.kind == "msix" && $0.vector == 0 }?.counts)
        #expect(first.held == 3)
        #expect(first.blocked >= 1)
        #expect(device.intx.map { $0.delivered > 10 } == true)
        #expect(device.counts.allSatisfy { $0.failed == 0 })
    }

    @Test(
        "no claim beyond those named here failed, and both devices were on one line",
        arguments: MessageDelivery.allCases)
    func everything(_ delivery: MessageDelivery) async throws {
        let record = try await record(delivery)
        #expect(record.status == 0, record.account)
        #expect(record.output.last == "intx: \(Self.claims.count)/\(Self.claims.count) PASS", record.account)
        let lines = try #require(
            record.output.first?.wholeMatch(of: /intx: edu present line ([0-9]+), e1000e present line ([0-9]+)/),
            record.account)
        #expect(lines.1 == lines.2)
        #expect(record.report?.devices.map(\.slot) == [4, 12])
    }

    @Test("every claim about the e1000e's line was checked")
    func everythingOfTheNIC() async throws {
        let record = try await PassthroughLab.session.record("intx-e1000e")
        #expect(record.status == 0, record.account)
        #expect(
            record.output.last == "intx: \(PassthroughLab.lineClaims.count)/\(PassthroughLab.lineClaims.count) PASS",
            record.account)
    }

    @Test("the report counts what masks held back")
    func held() async throws {
        let device = try #require(try await record(.signal).report?.device(PassthroughLab.quietE1000e))
        let first = try #require(device.messages.first { $0.kind == "msix" && $0.vector == 0 }?.counts)
        // By the entry's mask, by the function's, and across a change of the message.
        #expect(first.held == 3)
        // What came before a vector was ever open was held by the device itself: there was nothing to count yet.
        let unused = try #require(device.messages.first { $0.kind == "msix" && $0.vector == 3 }?.counts)
        #expect(unused.delivered == 2)
        #expect(device.counts.allSatisfy { $0.failed == 0 })
    }

    @Test("the report counts the message to a processor that does not exist as blocked by the guest")
    func blocked() async throws {
        let device = try #require(try await record(.signal).report?.device(PassthroughLab.quietE1000e))
        let first = try #require(device.messages.first { $0.kind == "msix" && $0.vector == 0 }?.counts)
        #expect(first.blocked >= 1)
        #expect(device.messages.filter { $0.vector != 0 }.allSatisfy { $0.counts?.blocked == 0 })
    }

    @Test("the lab host's log shows both stray transfers of the edu, and no other", arguments: MessageDelivery.allCases)
    func strayTransfers(_ delivery: MessageDelivery) async throws {
        let record = try await record(delivery)
        #expect(record.hasBlockedTransfer("Write", by: "00:06.0", at: "0xe000000"), "\(record.kernelLog)")
        #expect(record.hasBlockedTransfer("Read", by: "00:06.0", at: "0xe000000"), "\(record.kernelLog)")
        #expect(record.blockedTransfers.allSatisfy { $0.contains("[00:06.0]") })
    }
}
