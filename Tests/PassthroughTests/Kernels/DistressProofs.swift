import Testing

/// A stock kernel that needs long to find that it is in distress.
@Suite struct DistressProofs {
    @Test("a soft lockup is detected, and the spinning module is named")
    func lockup() async throws {
        let examined = try DistressTests.verdict(
            try await DistressLab.proofs.record("lockup"), 1, "failed", kind: "soft lockup",
            words: "watchdog: BUG: soft lockup - CPU#0 stuck for ")
        let vcpu = try #require(examined.vcpus.first)
        #expect(
            vcpu.diagnosis.hasPrefix("vCPU 0 is spinning at rip 0xffffffffc"),
            "\(vcpu.diagnosis)")
        #expect(
            vcpu.diagnosis.contains(" ([module])"),
            "\(vcpu.diagnosis)")
        for function in ["do_one_initcall", "do_init_module"] {
            #expect(DistressTests.has(function, examined), "\(function): \(vcpu.backtrace)")
        }
        #expect(
            !vcpu.backtrace.dropFirst().contains { $0.symbol?.contains("return_thunk") == true },
            "thunks have no place in a backtrace: \(vcpu.backtrace)")
    }
}
