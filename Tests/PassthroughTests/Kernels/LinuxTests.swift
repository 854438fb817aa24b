import Testing

/// A stock Debian kernel as the guest, driving what was passed to it: what it found in its tables, which interrupts
/// came, what its drivers did.
@Suite struct LinuxTests {
    @Test(
        """
        with two NICs of Intel's, a virtio NIC and an NVMe controller in one guest, each NIC pings its gateway and \
        the disk keeps what is written
        """
    )
    func fourDevices() async throws {
        let guest = try await LinuxLab.session.guest("four")
        #expect(guest.record.status == 0, guest.record.account)
        #expect(guest.lines("eth0") == ["eth0 0000:00:01.0 e1000e msi=3 ip=10.0.2.15 ping=5/5"], guest.record.account)
        #expect(guest.lines("eth1") == ["eth1 0000:00:02.0 e1000 msi=0 ip=10.0.2.15 ping=5/5"])
        #expect(guest.lines("eth2") == ["eth2 0000:00:03.0 virtio_net msi=3 ip=10.0.2.15 ping=5/5"])
        #expect(guest.lines("nvme0n1") == ["nvme0n1 0000:00:04.0 nvme write-read=same"])
        #expect(guest.record.blockedTransfers.isEmpty, "\(guest.record.blockedTransfers)")
    }

    @Test("its /proc/interrupts lists each device's interrupts, as many as the report counts")
    func interruptsOfFour() async throws {
        let guest = try await LinuxLab.session.guest("four")
        let report = try #require(guest.record.report)
        func messages(_ address: String) throws -> UInt64 {
            try #require(report.device(address)).messages.compactMap(\.counts?.delivered).reduce(0, +)
        }
        func count(_ name: String) throws -> UInt64 {
            let found = guest.interrupts(of: name, by: "PCI-MSI")
            try #require(found.count == 1, "\(name): \(guest.file("interrupts"))")
            return found[0].total
        }
        for name in ["eth0-rx-0", "eth0-tx-0", "eth0", "virtio0-input.0", "virtio0-output.0", "nvme0q0"] {
            #expect(try count(name) > 0, "\(name): \(guest.file("interrupts"))")
        }
        // A queue for each vCPU: the one that the disk was used on.
        #expect(try count("nvme0q1") + count("nvme0q2") > 0, "\(guest.file("interrupts"))")
        let e1000e = ["eth0-rx-0", "eth0-tx-0", "eth0"].flatMap { guest.interrupts(of: $0, by: "PCI-MSI") }.map(\.total)
            .reduce(0, +)
        #expect(e1000e <= (try messages(LinuxLab.e1000e)))
        let nvme = (0...2).flatMap { guest.interrupts(of: "nvme0q\($0)", by: "PCI-MSI") }.map(\.total).reduce(0, +)
        #expect(nvme <= (try messages(LinuxLab.nvme)))
        let line = try #require(
            guest.interrupts(of: "eth1", by: "IO-APIC 18-fasteoi").first, "\(guest.file("interrupts"))")
        #expect(line.total > 0)
        #expect(line.total <= (report.device(LinuxLab.e1000)?.intx?.delivered ?? 0))
        for device in report.devices { #expect(device.counts.allSatisfy { $0.failed == 0 }, "\(device.address)") }
    }

    @Test("both vCPUs run and handle interrupts")
    func processors() async throws {
        let guest = try await LinuxLab.session.guest("four")
        #expect(guest.lines("cpus") == ["cpus 0-1"])
        let timers = guest.interrupts.filter { $0.description == "Local timer interrupts" }
        try #require(
            timers.count == 1,
            "\(guest.file("interrupts"))")
        #expect(
            timers[0].counts.count == 2,
            "\(guest.file("interrupts"))")
        #expect(
            timers[0].counts.allSatisfy { $0 > 10 },
            "\(guest.file("interrupts"))")
        #expect(guest.lines("clocksource") == ["clocksource kvm-clock"])
    }

    @Test("its /proc/iomem matches the firmware tables: RAM, PCI windows, BARs, controllers")
    func memoryMap() async throws {
        let map = try await LinuxLab.session.guest("four").file("iomem")
        for line in [
            "00001000-0009fbff : System RAM", "00100000-1fffffff : System RAM", "c0000000-dfffffff : PCI Bus 0000:00",
            "  c0000000-c001ffff : 0000:00:01.0", "    c0000000-c001ffff : e1000e",
            "  e0000000-e00fffff : PCI MMCONFIG 0000 [bus 00-00]",
            "fec00000-fec003ff : IOAPIC 0", "fee00000-fee00fff : Local APIC",
        ] {
            #expect(map.contains(line), "\(line) is not in \(map)")
        }
        for driver in ["e1000e", "e1000", "virtio-pci-modern", "nvme"] {
            #expect(map.contains { $0.hasSuffix(" : \(driver)") }, "\(driver): \(map)")
        }
    }

    @Test("its kernel's log has no complaint about the firmware", arguments: ["four", "intx", "pvh"])
    func firmwareComplaints(_ name: String) async throws {
        Self.checkFirmware(try await LinuxLab.session.guest(name))
    }

    static func checkFirmware(_ guest: LinuxGuest) {
        let log = guest.kernelLog
        #expect(log.contains { $0.contains("ACPI: Interpreter enabled") }, "\(log)")
        #expect(log.contains { $0.contains("ACPI: Using IOAPIC for interrupt routing") })
        let complaints = log.filter { line in
            [
                "ACPI BIOS", "ACPI Error", "ACPI Warning", "ACPI Exception", "ACPI: Unable", "[Firmware", "cut here",
                "unexpected IRQ", "nobody cared",
            ]
            .contains { line.contains($0) }
        }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test("without MSI the NIC's line goes through the IOAPIC")
    func intx() async throws {
        let guest = try await LinuxLab.session.guest("intx")
        #expect(guest.record.status == 0, guest.record.account)
        #expect(guest.lines("eth0") == ["eth0 0000:00:01.0 e1000e msi=0 ip=10.0.2.15 ping=5/5"], guest.record.account)
        let line = try #require(
            guest.interrupts(of: "eth0", by: "IO-APIC 17-fasteoi").first, "\(guest.file("interrupts"))")
        #expect(line.total > 5)
        #expect(!guest.file("interrupts").contains { $0.contains("PCI-MSI") })
        let device = try #require(guest.record.report?.device(LinuxLab.e1000e))
        #expect(device.intx.map { $0.delivered >= line.total } == true)
        #expect(device.messages.allSatisfy { $0.counts?.delivered == 0 })
        #expect(guest.lines("cpus") == ["cpus 0-1"])
    }

    @Test("without ACPI the MP table brings up the second vCPU and wires the NIC")
    func mpTable() async throws {
        let guest = try await LinuxLab.session.guest("no-acpi")
        #expect(guest.kernelLog.contains { $0.contains("Intel MultiProcessor Specification") }, guest.record.account)
        #expect(guest.lines("cpus") == ["cpus 0-1"])
        #expect(guest.lines("eth0").first?.hasSuffix("ping=5/5") == true, guest.record.account)
        // Only ACPI can power off, so it resets, which is an end of its own.
        #expect(guest.record.status == 103)
        #expect(guest.record.report?.outcome == "reset")
    }

    @Test("the ELF kernel starts by its PVH note, with its initrd and the same firmware tables")
    func pvh() async throws {
        let guest = try await LinuxLab.session.guest("pvh")
        #expect(guest.record.status == 0, guest.record.account)
        #expect(guest.kernelLog.contains { $0.contains("Booting paravirtualized kernel on KVM") }, guest.record.account)
        #expect(guest.lines("cpus") == ["cpus 0-1"])
        #expect(guest.lines("eth0") == ["eth0 0000:00:01.0 e1000e msi=3 ip=10.0.2.15 ping=5/5"], guest.record.account)
    }

    @Test("the kernel warns about none of the board's devices", arguments: ["four", "intx", "no-acpi"])
    func boardWarnings(_ name: String) async throws {
        Self.checkBoard(try await LinuxLab.session.guest(name))
    }

    /// The kernel warns of processors' faults and of a slow host ("hrtimer: interrupt took ..."); the rest would be the
    /// board's.
    static func checkBoard(_ guest: LinuxGuest) {
        #expect(guest.record.output.contains("linux: end warnings"), guest.record.account)
        let subjects = [
            "acpi", "rtc", "i8042", "serio", "pci ", "apic", "mtrr", "pat:", "..timer:", "8254", "bios", "firmware",
            "topology", "iommu",
        ]
        let complaints = guest.file("warnings").filter { line in subjects.contains { line.lowercased().contains($0) } }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test("the clock has the host's time and its alarm fires", arguments: ["four", "no-acpi"])
    func clock(_ name: String) async throws {
        let guest = try await LinuxLab.session.guest(name)
        let words = try #require(guest.lines("rtc").first, guest.record.account).split(separator: " ").compactMap {
            Int($0)
        }
        try #require(words.count == 2, guest.record.account)
        #expect(abs(words[0] - words[1]) <= 2, "\(words)")
        #expect(words[1] > 1_700_000_000, "\(words)")
        #expect(guest.kernelLog.contains { $0.contains("setting system clock to 20") })
        // Without ACPI the kernel offers no alarm to wake by.
        if name == "four" { #expect(guest.lines("alarms") == ["alarms 1"], guest.record.account) }
    }
}
