import Testing

/// Debian's newest kernel as the lab's host and as a guest. Its processors have no XSAVE there, nor anything that needs
/// it: from Linux 7.2 on a kernel dies of AVX without.
@Suite(.enabled(NewerKernel.absence) { try await NewerKernel.files != nil })
struct NewerKernelProofs {
    private func checkGuest(_ session: LabSession) async throws {
        let guest = try await session.guest("guest")
        let version = try #require(await NewerKernel.files?.version)
        #expect(guest.record.status == 0, guest.record.account)
        #expect(guest.record.output.contains { $0.contains("Linux version \(version) ") }, guest.record.account)
        #expect(guest.lines("eth0") == ["eth0 0000:00:01.0 e1000e msi=3 ip=10.0.2.15 ping=5/5"], guest.record.account)
        #expect(guest.lines("nvme0n1") == ["nvme0n1 0000:00:02.0 nvme write-read=same"], guest.record.account)
        #expect(guest.lines("cpus") == ["cpus 0"])
        let complaints = guest.kernelLog.filter { line in
            [
                "ACPI BIOS", "ACPI Error", "ACPI Warning", "[Firmware", "cut here", "invalid opcode", "Oops",
                "unexpected IRQ", "nobody cared",
            ]
            .contains { line.contains($0) }
        }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test("as a guest it drives a NIC and a disk by messages")
    func guest() async throws {
        try await checkGuest(NewerKernel.asGuest)
    }

    @Test("as the host it runs the same kernel as a guest")
    func guestOfItself() async throws {
        let release = try await NewerKernel.asHost.record("release")
        #expect(release.output == [try #require(await NewerKernel.files?.version)], release.account)
        try await checkGuest(NewerKernel.asHost)
    }

    @Test("as the host it passes a NIC and a disk by VFIO", arguments: MessageDelivery.allCases)
    func functions(_ delivery: MessageDelivery) async throws {
        let nic = try await NewerKernel.asHost.record("nic-\(delivery.rawValue)")
        #expect(nic.status == 0, nic.account)
        #expect(NICTests.interruptsOfPass(nic, mode: .msix) != nil, nic.account)
        let nvme = try await NewerKernel.asHost.record("nvme-\(delivery.rawValue)")
        #expect(nvme.status == 0, nvme.account)
        #expect(try await NewerKernel.asHost.record("smp").status == 0)
    }
}
