import Testing

/// An NVMe controller, whose registers, doorbells and MSI-X table share one BAR: guests/nvme.
@Suite struct NVMeTests {
    private func record(_ delivery: MessageDelivery) async throws -> LabRecord {
        try await PassthroughLab.session.record("nvme-\(delivery.rawValue)")
    }

    /// How many interrupts the guest counted; nil where its last line isn't that of a pass.
    static func interruptsOfPass(_ record: LabRecord) -> UInt64? {
        guard let match = record.output.last?.wholeMatch(of: /nvme: model "QEMU NVMe Ctrl" irqs=([0-9]+) PASS/) else {
            return nil
        }
        return UInt64(match.1)
    }

    @Test(
        "identifies itself by DMA and an interrupt of vector 0, and the report agrees with the guest",
        arguments: MessageDelivery.allCases)
    func identifies(_ delivery: MessageDelivery) async throws {
        let record = try await record(delivery)
        #expect(record.status == 0, record.account)
        let interrupts = try #require(Self.interruptsOfPass(record), record.account)
        // Six for the model and five for DMA inside and outside of RAM.
        #expect(interrupts == 11)
        let device = try #require(record.report?.device(PassthroughLab.nvme))
        #expect(device.intx?.delivered == 0)
        #expect(device.messages.map(\.kind) == ["msix"])
        #expect(device.messages.map(\.vector) == [0])
        let counts = RunReport.Counts(delivered: interrupts, blocked: 0, failed: 0, held: 0)
        #expect(device.messages.first?.counts == (delivery == .signal ? counts : nil))
    }

    @Test(
        "its registers are read without an exit although the trapped MSI-X table is in the same BAR",
        arguments: MessageDelivery.allCases)
    func registersAreDirect(_ delivery: MessageDelivery) async throws {
        let record = try await record(delivery)
        #expect(
            record.output.contains { $0.hasSuffix("65 vectors in the table at offset 0x2000 of BAR 0") }, record.account
        )
        #expect(record.output.contains { $0.hasPrefix("nvme: 10000 reads of the version in ") }, record.account)
        let exits = try #require(record.report?.mmioExits)
        // The table's entry: three words of the message, the mask read and written.
        #expect((1...20).contains(exits), "\(exits) exits for memory accesses")
    }
}
