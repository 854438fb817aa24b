import Testing

/// What a passed-through device reaches of memory: all of the guest's RAM and nothing else.
@Suite struct MemoryTests {
    /// With 128 MiB.
    @Test(
        "a device writes the first, the middle and the last page of RAM", arguments: ["0x0", "0x4000000", "0x7fff000"])
    func inside(_ address: String) async throws {
        let record = try await PassthroughLab.session.record("nvme-signal")
        #expect(record.output.contains("nvme: DMA to RAM at \(address) ok"), record.account)
    }

    @Test(
        "the page after RAM and the one at 4 GiB are out of its reach; guest and device go on",
        arguments: ["0x8000000", "0x100000000"])
    func outside(_ address: String) async throws {
        let record = try await PassthroughLab.session.record("nvme-signal")
        #expect(record.output.contains { $0.hasPrefix("nvme: DMA outside of RAM to \(address) ") }, record.account)
        #expect(record.hasBlockedTransfer("Write", by: "00:07.0", at: address), "\(record.kernelLog)")
        #expect(record.blockedTransfers.count == 2, "\(record.kernelLog)")
        #expect(NVMeTests.interruptsOfPass(record) != nil, record.account)
    }

    @Test("a device writes the last page of 256 MiB", arguments: ["0x0", "0x8000000", "0xffff000"])
    func insideMore(_ address: String) async throws {
        let record = try await PassthroughLab.session.record("four-nvme")
        #expect(record.output.contains("nvme: DMA to RAM at \(address) ok"), record.account)
        #expect(record.blockedTransfers.isEmpty)
    }
}
