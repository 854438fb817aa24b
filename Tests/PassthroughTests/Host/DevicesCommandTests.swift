import Testing

/// `swiftlet devices` on a host whose devices have drivers of their own.
@Suite struct DevicesCommandTests {
    private func record(_ name: String, status: Int32 = 0) async throws -> LabRecord {
        let record = try await HostLab.session.record(name)
        #expect(record.status == status, record.account)
        return record
    }

    /// The columns of a line of the list.
    private func row(_ address: String, in record: LabRecord) throws -> [Substring] {
        try #require(record.output.first { $0.hasPrefix(address) }, record.account).split(separator: " ")
    }

    @Test("list: address, group, driver, numbers and name of every function; it is the default")
    func list() async throws {
        let list = try await record("list")
        #expect(list.output.first?.split(separator: " ") == ["ADDRESS", "GROUP", "DRIVER", "NUMBERS", "CLASS", "NAME"])
        let nic = try row("0000:00:04.0", in: list)
        #expect(nic[2...3] == ["e1000e", "8086:10d3"])
        #expect(
            list.output.contains { $0.hasPrefix("0000:00:04.0") && $0.contains("82574L Gigabit Network Connection") },
            list.account)
        #expect(try row("0000:00:05.0", in: list)[2...3] == ["-", "1234:11e8"])
        #expect(try row("0000:00:1f.2", in: list)[2] == "ahci")
        // The chipset's functions are one group.
        #expect(Set(try ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"].map { try row($0, in: list)[1] }).count == 1)
        #expect(try await record("default").output == list.output)
    }

    @Test("show: class, numbers, driver, group, interrupts, BARs and capabilities")
    func show() async throws {
        let show = try await record("show")
        #expect(show.output.first == "0000:00:04.0 Intel Corporation 82574L Gigabit Network Connection")
        let rows = show.output.dropFirst().map { $0.split(separator: " ").joined(separator: " ") }
        for row in [
            "class Ethernet controller (0200, revision 00)", "numbers 8086:10d3", "driver e1000e",
            "capabilities c8 Power Management", "d0 MSI",
            "a0 MSI-X", "100 Advanced Error Reporting",
        ] {
            #expect(rows.contains(row), show.account)
        }
        #expect(rows.contains { $0.hasPrefix("IOMMU group ") && $0.hasSuffix(", alone in it") }, show.account)
        #expect(
            rows.contains {
                $0.hasPrefix("interrupts INTA ") && $0.hasSuffix(", MSI with 1 vector, MSI-X with 5 vectors")
            }, show.account)
        #expect(rows.contains { $0.hasPrefix("BAR 0 0x") && $0.hasSuffix(", 128 KiB, 32-bit memory") }, show.account)
        #expect(try await record("show-nothing", status: 66).lastWord.contains("there is no PCI function 0000:00:0a.0"))
        #expect(
            try await record("show-nonsense", status: 64).errors.joined().contains("'nonsense' is not a PCI address"))
    }

    @Test("doctor: each obstacle, with the swiftlet command and with shell commands")
    func doctorOfABoundDevice() async throws {
        let doctor = try await record("doctor-bound", status: 69)
        #expect(doctor.output.contains("FAIL  driver: 0000:00:04.0 is bound to the host driver e1000e"), doctor.account)
        #expect(doctor.output.contains("      do: swiftlet devices bind 0000:00:04.0"), doctor.account)
        #expect(
            doctor.output.contains { $0.hasSuffix("echo 0000:00:04.0 > /sys/bus/pci/drivers_probe") }, doctor.account)
        #expect(doctor.output.last == "0000:00:04.0 is not ready.")
        let shared = try await record("doctor-shared", status: 69)
        #expect(shared.output.contains("      do: swiftlet devices bind 0000:00:1f.3"), shared.account)
    }

    @Test("doctor: a device that is ready")
    func doctorOfAReadyDevice() async throws {
        let doctor = try await record("doctor")
        #expect(doctor.output.dropLast().allSatisfy { $0.hasPrefix("ok    ") }, doctor.account)
        #expect(doctor.output.last == "0000:00:04.0 is ready.")
    }

    @Test("bind: gives a device to vfio-pci; a second bind changes nothing")
    func bind() async throws {
        #expect(try await record("bind").output == ["0000:00:04.0: bound to vfio-pci"])
        #expect(try await record("bind-again").output == ["0000:00:04.0: already with vfio-pci"])
    }

    @Test("bind: refuses absent functions, bridges and devices in use, and changes nothing")
    func bindRefuses() async throws {
        #expect(
            try await record("bind-nothing", status: 66).lastWord.hasPrefix(
                "swiftlet: there is no PCI function 0000:00:0a.0 on this host"))
        #expect(
            try await record("bind-bridge", status: 64).lastWord
                == "swiftlet: 0000:00:06.0 is a bridge, and bridges stay with the host")
        let inUse = try await record("bind-in-use", status: 69)
        let pattern =
            /swiftlet: 0000:00:04\.0 is in use: its network interface ([a-z0-9]+) is up; ip link set ([a-z0-9]+) down, or use --force/
        let match = try #require(inUse.lastWord.wholeMatch(of: pattern), inUse.account)
        #expect(match.1 == match.2)
        #expect(try await record("after-bind-in-use").output.first?.hasSuffix("/e1000e") == true)
        // The other function of the same command did not move either.
        #expect(try await record("after-bind-in-use-edu", status: 1).output.isEmpty)
    }

    @Test("release: gives every device back to the driver it had")
    func release() async throws {
        let release = try await record("release")
        #expect(
            release.output == [
                "0000:00:04.0: with e1000e again", "0000:00:05.0: with no driver", "0000:00:1f.2: with ahci again",
                "0000:00:1f.3: with i801_smbus again",
            ])
        #expect(try await record("list-after").output == (try await record("list")).output)
    }
}
