import Testing

/// More boots of the stock kernel: older ways in, more memory, resets, and a shell.
@Suite struct LinuxProofs {
    @Test("with RAM above 4 GiB a NIC and a SCSI controller reach all of it, the controller by MSI")
    func highMemory() async throws {
        let guest = try await LinuxLab.proofs.guest("high")
        #expect(guest.record.status == 0, guest.record.account)
        let map = guest.file("iomem")
        #expect(map.contains("00100000-bfffffff : System RAM"), "\(map)")
        #expect(map.contains("100000000-10fffffff : System RAM"), "\(map)")
        #expect(guest.lines("eth0") == ["eth0 0000:00:01.0 e1000e msi=3 ip=10.0.2.15 ping=5/5"], guest.record.account)
        #expect(guest.lines("host0") == ["host0 0000:00:02.0 mptsas"], guest.record.account)
        let message = try #require(guest.interrupts(of: "ioc0", by: "PCI-MSI").first, "\(guest.file("interrupts"))")
        #expect(message.total > 10)
        let device = try #require(guest.record.report?.device(LinuxLab.mptsas))
        let used = device.messages.filter { $0.counts?.delivered ?? 0 > 0 }
        #expect(used.map(\.kind) == ["msi"])
        #expect(used.first?.counts.map { $0.delivered >= message.total && $0.failed == 0 } == true)
        #expect(guest.record.blockedTransfers.isEmpty, "\(guest.record.blockedTransfers)")
    }

    @Test(
        """
        the 32-bit entry, and the real-mode one through the boot ROM, reach init, and a reset ends the run with \
        its status
        """,
        arguments: ["linux32", "linux16"])
    func olderEntries(_ name: String) async throws {
        let guest = try await LinuxLab.proofs.guest(name)
        #expect(guest.lines("ready").count == 1, guest.record.account)
        #expect(guest.record.status == 103)
        #expect(guest.record.lastWord.contains("reset"))
    }

    @Test("the kernel's log has no complaint about the firmware", arguments: ["high", "linux32", "linux16"])
    func firmwareComplaints(_ name: String) async throws {
        LinuxTests.checkFirmware(try await LinuxLab.proofs.guest(name))
    }

    @Test("with RAM above 4 GiB the kernel warns about none of the board's devices")
    func boardWarnings() async throws {
        LinuxTests.checkBoard(try await LinuxLab.proofs.guest("high"))
    }

    /// While the driver finds the port and opens it, it reads the receiver and resets the FIFO: that takes the first
    /// bytes, as it does of QEMU's port, and so the first line.
    @Test("a shell runs the 200 lines typed before the kernel started, except the first")
    func typedAhead() async throws {
        let guest = try await LinuxLab.proofs.guest("shell")
        #expect(guest.record.status == 0, guest.record.account)
        let lines = guest.lines("line").filter { $0 != "line 1" && $0 != "line 1: not found" }
        #expect(lines == (2...200).map { "line \($0)" }, guest.record.account)
    }

    @Test("with --on-reset reboot the kernel starts again, and so does the NIC")
    func again() async throws {
        let guest = try await LinuxLab.proofs.guest("again")
        #expect(guest.record.status == 0, guest.record.account)
        let boots = guest.lines("eth0")
        #expect(boots.count >= 2, guest.record.account)
        #expect(boots.allSatisfy { $0.hasSuffix("ping=5/5") }, guest.record.account)
        #expect(guest.record.report?.reboots == boots.count - 1)
    }
}
