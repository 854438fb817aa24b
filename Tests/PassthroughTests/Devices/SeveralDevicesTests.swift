import Testing

/// Two NICs, an edu and an NVMe controller in one guest: each works, and the others' interrupts stay silent.
@Suite struct SeveralDevicesTests {
    enum Driven: String, CaseIterable, Sendable {
        case e1000e, e1000, edu, nvme

        var address: String {
            switch self {
            case .e1000e: PassthroughLab.e1000e
            case .e1000: PassthroughLab.e1000
            case .edu: PassthroughLab.edu
            case .nvme: PassthroughLab.nvme
            }
        }
    }

    @Test("with four functions in the guest each of them works", arguments: Driven.allCases)
    func works(_ driven: Driven) async throws {
        let record = try await PassthroughLab.session.record("four-\(driven.rawValue)")
        #expect(record.status == 0, record.account)
        #expect(record.output.last?.hasSuffix("PASS") == true, record.account)
        #expect(record.blockedTransfers.isEmpty)

        let report = try #require(record.report)
        #expect(report.devices.map(\.address) == Driven.allCases.map(\.address))
        #expect(report.devices.map(\.slot) == [4, 5, 6, 7])
        for device in report.devices {
            let delivered = device.counts.map(\.delivered).reduce(0, +)
            #expect((delivered > 0) == (device.address == driven.address), "\(device.address) delivered \(delivered)")
            #expect(device.counts.allSatisfy { $0.failed == 0 && $0.blocked == 0 })
        }
    }
}
