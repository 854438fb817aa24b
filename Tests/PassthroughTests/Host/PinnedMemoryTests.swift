import Testing

/// A guest with a device has all of its memory pinned: what happens where that can't be.
@Suite struct PinnedMemoryTests {
    @Test("a limit on locked memory that is too small is reported with both numbers and the remedy")
    func limit() async throws {
        let record = try await HostLab.session.record("locked-too-little")
        #expect(record.status == 77, record.account)
        #expect(
            record.lastWord.hasPrefix(
                """
                swiftlet: the guest's memory must be pinned: that takes 256 MiB of locked memory and this process \
                may lock 1 MiB; ulimit -l 262144
                """
            ),
            record.account)
        #expect(record.errors.count == 1, record.account)
    }

    @Test("a large enough limit suffices without CAP_IPC_LOCK")
    func enough() async throws {
        let record = try await HostLab.session.record("locked-enough")
        #expect(record.status == 0, record.account)
    }

    @Test("more memory than the host has is refused before the kernel kills processes", arguments: ["8G", "3G"])
    func moreThanThereIs(_ size: String) async throws {
        let record = try await HostLab.session.record("memory-\(size)")
        #expect(record.status == 69, record.account)
        let pattern =
            /swiftlet: the guest's memory must be pinned: that takes ([0-9]+) MiB and the host has ([0-9]+) MiB left; give the guest less .*/
        let match = try #require(record.lastWord.wholeMatch(of: pattern), record.account)
        #expect(match.1 == (size == "8G" ? "8192" : "3072"))
        #expect(try #require(Int(match.2)) < 3072)
        #expect(!record.kernelLog.contains { $0.contains("Out of memory") })
        let doctor = try await HostLab.session.record("doctor-memory")
        #expect(doctor.status == 69, doctor.account)
    }
}
