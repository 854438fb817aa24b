import Testing

/// A device's memory in the guest: all of it, and when the host can't reach it.
@Suite struct ReachTests {
    /// The device sleeps behind swiftlet's back, so that KVM_RUN fails with EFAULT as the guest reads its memory.
    @Test("unreachable device memory reads all ones until it is reachable again, and the run continues")
    func memoryThatGoesAway() async throws {
        let record = try await ReachLab.session.record("watches")
        for name in ["asleep", "awake"] { #expect(try await ReachLab.session.record(name).status == 0) }
        #expect(record.status == 0, record.account)
        #expect(record.output.suffix(3) == ["watches: gone", "watches: back", "watches: PASS"], record.account)
        let report = try #require(record.report, record.account)
        #expect((report.exits["failed"] ?? 0) > 0, "\(report.exits)")
        // The last 100,000 reads are memory again.
        #expect(report.mmioExits < 100_000, "\(report.exits)")
        #expect(
            record.errors.contains { $0.contains("(first pread: Input/output error); the run went on without") },
            record.account)
    }

    @Test("two frame buffers of 256 MiB fit beside 2 GiB of memory, and each stores its own data")
    func largeMemory() async throws {
        let record = try await ReachLab.session.record("displays")
        #expect(record.status == 0, record.account)
        #expect(record.claim("frame-buffers", of: "pci") == "ok (2 registers)", record.account)
        for line in [
            "pci: 00:01.0 BAR 0 memory32 at 0xc0000000 size 0x10000000",
            "pci: 00:02.0 BAR 0 memory32 at 0xd0000000 size 0x10000000",
        ] {
            #expect(record.output.contains(line), record.account)
        }
    }
}
