import Testing

/// Host interrupts are taken as the guest unmasks vectors, not for the whole table at once: /proc/interrupts of the
/// lab's host during a run.
@Suite struct VectorTests {
    @Test(
        "of 65 vectors only those that the guest unmasked take a host interrupt", arguments: [1, 3],
        MessageDelivery.allCases)
    func onlyUnmasked(_ count: Int, _ delivery: MessageDelivery) async throws {
        let name = "vectors-\(count)-\(delivery.rawValue)"
        let run = try await EndsLab.session.record(name)
        #expect(NVMeTests.interruptsOfPass(run) == 9, run.account)
        let during = try await EndsLab.session.record("\(name)-during")
        let vectors = during.output.compactMap { $0.firstMatch(of: /vfio-(msix?|intx)(?:\[([0-9]+)\])?\(/) }
        #expect(vectors.map { "\($0.1) \($0.2 ?? "")" } == (0..<count).map { "msix \($0)" }, during.account)
        #expect(during.output.count == count, during.account)
    }

    @Test("no interrupt is left on the host after the run", arguments: [1, 3], MessageDelivery.allCases)
    func noneAfterwards(_ count: Int, _ delivery: MessageDelivery) async throws {
        let after = try await EndsLab.session.record("vectors-\(count)-\(delivery.rawValue)-after")
        #expect(after.output.isEmpty, after.account)
    }
}
