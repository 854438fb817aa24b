import Testing

/// The PCI bus as a guest sees it: guests/pci with five functions passed through, claim by claim.
@Suite struct ConfigurationTests {
    static let claims = [
        "absent-cf8", "absent-ecam", "agreement", "address-latch", "odd-accesses", "identity", "command-bits",
        "capabilities", "bar-sizes",
        "bar-overlap", "absent-memory", "bar-move", "bar-move-high", "decode-off", "edu-registers",
    ]

    @Test("the guest's claim holds", arguments: claims)
    func claim(_ claim: String) async throws {
        let record = try await PassthroughLab.session.record("pci")
        #expect(record.claim(claim, of: "pci")?.hasPrefix("ok") == true, record.account)
    }

    @Test("no other claim failed")
    func everything() async throws {
        let record = try await PassthroughLab.session.record("pci")
        #expect(record.status == 0, record.account)
        #expect(record.output.last?.hasSuffix(" PASS") == true, record.account)
        #expect(record.blockedTransfers.isEmpty)
    }

    @Test("each function is in the requested slot with its own ids, after the host bridge")
    func slots() async throws {
        let record = try await PassthroughLab.session.record("pci")
        let functions = record.output.compactMap {
            $0.wholeMatch(of: /pci: ([0-9a-f:.]{7}) ([0-9a-f]{4}:[0-9a-f]{4}) class .*/)
        }
        #expect(
            functions.map { "\($0.1) \($0.2)" } == [
                "00:00.0 8086:29c0", "00:04.0 8086:10d3", "00:05.0 8086:100e", "00:06.0 1234:11e8", "00:07.0 1b36:0010",
                "00:1f.0 1af4:1041",
            ], record.account)
    }

    @Test("64-bit BARs of two functions move above 4 GiB and back")
    func movedHigh() async throws {
        let record = try await PassthroughLab.session.record("pci")
        #expect(record.claim("bar-move-high", of: "pci") == "ok (2 registers)", record.account)
        #expect(record.output.contains { $0.hasPrefix("pci: 00:07.0 BAR 0 memory64 ") }, record.account)
        #expect(record.output.contains { $0.hasPrefix("pci: 00:1f.0 BAR 4 memory64 ") }, record.account)
    }
}
