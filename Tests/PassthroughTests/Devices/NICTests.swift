import Testing

/// A guest's NIC driver that is woken by interrupts only: a DHCP lease, ARP, and five echoes of the gateway.
@Suite struct NICTests {
    enum InterruptMode: String, CaseIterable, Sendable {
        case intx, msi, msix
    }

    /// How many interrupts the guest counted; nil where its last line isn't that of a pass.
    static func interruptsOfPass(_ record: LabRecord, mode: InterruptMode) -> UInt64? {
        let pattern = /nic: irq=([a-z]+) ip=10\.0\.2\.15 echo=5\/5 irqs=([0-9]+) PASS/
        guard let match = record.output.last?.wholeMatch(of: pattern), match.1 == mode.rawValue else { return nil }
        return UInt64(match.2)
    }

    @Test(
        "an e1000e takes a lease and pings, and the report agrees with the guest", arguments: InterruptMode.allCases,
        MessageDelivery.allCases)
    func e1000e(_ mode: InterruptMode, _ delivery: MessageDelivery) async throws {
        let record = try await PassthroughLab.session.record("nic-\(mode.rawValue)-\(delivery.rawValue)")
        let interrupts = try #require(Self.interruptsOfPass(record, mode: mode), record.account)
        #expect(record.status == 0, record.account)
        // A lease and five echoes take at least one interrupt for each frame that came.
        #expect(interrupts >= 8, record.account)
        #expect(record.blockedTransfers.isEmpty)

        let report = try #require(record.report)
        #expect(report.outcome == "passed")
        #expect(report.exitStatus == 0)
        #expect(report.devices.count == 1)
        let device = try #require(report.device(PassthroughLab.e1000e))
        #expect(device.backend == "vfio-group")
        #expect(device.delivery == delivery.rawValue)
        #expect(device.counts.allSatisfy { $0.failed == 0 && $0.blocked == 0 })

        switch (mode, delivery) {
        case (.intx, _):
            #expect(device.messages.isEmpty)
            #expect(device.intx?.delivered == interrupts)
        case (_, .signal):
            #expect(device.intx?.delivered == 0)
            #expect(device.messages.allSatisfy { $0.kind == mode.rawValue })
            #expect(device.messages.compactMap(\.counts).map(\.delivered).reduce(0, +) == interrupts)
        case (_, .irqfd):
            // The kernel delivers by itself; nobody counts, and the report says so.
            #expect(device.intx?.delivered == 0)
            #expect(!device.messages.isEmpty)
            #expect(device.messages.allSatisfy { $0.kind == mode.rawValue && $0.counts == nil })
        }
    }

    @Test("MSI-X: the report's count of each vector equals the guest's")
    func vectorsAreCountedApart() async throws {
        let record = try await PassthroughLab.session.record("nic-msix-signal")
        let line = try #require(record.output.first { $0.hasPrefix("nic: interrupts: ") }, record.account)
        let match = try #require(
            line.wholeMatch(of: /nic: interrupts: receive ([0-9]+), transmit ([0-9]+), other ([0-9]+)/))
        let device = try #require(record.report?.device(PassthroughLab.e1000e))
        #expect(device.messages.map(\.vector) == [0, 1, 2])
        #expect(device.messages.map { $0.counts?.delivered } == [match.1, match.2, match.3].map { UInt64($0) })
    }

    @Test("an e1000, which has neither messages nor a function-level reset, works by INTx")
    func e1000() async throws {
        let record = try await PassthroughLab.session.record("nic-e1000")
        #expect(record.status == 0, record.account)
        #expect(record.output.contains { $0.hasPrefix("nic: 82540EM ") }, record.account)
        let interrupts = try #require(Self.interruptsOfPass(record, mode: .intx), record.account)
        let device = try #require(record.report?.device(PassthroughLab.e1000))
        #expect(device.messages.isEmpty)
        #expect(device.intx == .init(delivered: interrupts, blocked: 0, failed: 0, held: 0))
    }
}
