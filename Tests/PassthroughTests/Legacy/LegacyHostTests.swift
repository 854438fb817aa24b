import Testing

/// KVM's own assignment on a kernel that has it: the guests that VFIO is tried with, unchanged.
@Suite(.serialized, .enabled(if: LegacyRun.kernel != nil, LegacyRun.absence))
struct LegacyHostTests {
    @Test(
        "an e1000e takes a lease and pings, and the report agrees with the guest",
        arguments: NICTests.InterruptMode.allCases)
    func nic(_ mode: NICTests.InterruptMode) async throws {
        let run = try await LegacyRun.guest(
            "nic-\(mode.rawValue)", "nic", "irq=\(mode.rawValue)", ["--device", "\(LegacyRun.e1000e),backend=kvm"])
        #expect(run.status == 0, run.account)
        let match = try #require(
            run.output.last?.wholeMatch(of: /nic: irq=([a-z]+) ip=10\.0\.2\.15 echo=5\/5 irqs=([0-9]+) PASS/),
            run.account)
        #expect(match.1 == mode.rawValue)
        let device = try #require(run.report?.device(LegacyRun.e1000e), run.account)
        #expect(device.backend == "kvm")
        #expect(device.delivery == "route")
        #expect(device.intx?.delivered == (mode == .intx ? UInt64(match.2) : 0))
        #expect(device.messages.allSatisfy { $0.kind == mode.rawValue && $0.counts == nil })
        #expect(device.messages.map(\.vector) == (mode == .intx ? [] : mode == .msi ? [0] : [0, 1, 2]))
    }

    @Test("every claim of guests/intx holds with both devices on one line")
    func intx() async throws {
        let run = try await LegacyRun.guest(
            "intx", "intx", "require=all dma=outside",
            ["--device", "\(LegacyRun.edu),slot=4,backend=kvm", "--device", "\(LegacyRun.e1000e),slot=12,backend=kvm"])
        #expect(run.status == 0, run.account)
        for claim in InterruptMaskTests.claims {
            #expect(run.claim(claim)?.hasPrefix("ok") == true, "\(claim): \(run.account)")
        }
        #expect(
            run.output.last == "intx: \(InterruptMaskTests.claims.count)/\(InterruptMaskTests.claims.count) PASS",
            run.account)
        // Each device's mask goes to the kernel just before its register.
        for (number, line) in run.recording.enumerated() where line.contains("KVM_ASSIGN_SET_INTX_MASK") {
            let next = try #require(run.recording.dropFirst(number + 1).first)
            #expect(line.hasSuffix("= 0"), "\(line)\n\(next)")
            #expect(next.contains("/config\" pwrite 0x4 ["), "\(line)\n\(next)")
        }
        #expect(run.recording.filter { $0.contains("KVM_ASSIGN_SET_INTX_MASK") }.count >= 16)
        #expect(
            run.recording.filter { $0.contains("KVM_DEASSIGN_PCI_DEVICE") && $0.hasSuffix("= 0") }.count == 2,
            "both were given back")
    }

    @Test("every claim of guests/intx holds on the e1000e's own line")
    func lineOfTheNIC() async throws {
        let lines = PassthroughLab.lineClaims.joined(separator: ",")
        let run = try await LegacyRun.guest(
            "intx-e1000e", "intx", "device=e1000e test=\(lines) require=\(lines)",
            ["--device", "\(LegacyRun.edu),slot=4,backend=kvm", "--device", "\(LegacyRun.e1000e),slot=12,backend=kvm"])
        #expect(run.status == 0, run.account)
        #expect(
            run.output.last == "intx: \(PassthroughLab.lineClaims.count)/\(PassthroughLab.lineClaims.count) PASS",
            run.account)
    }

    @Test("without VFIO, KVM's own assignment is chosen and named")
    func auto() async throws {
        let run = try await LegacyRun.guest("auto", "nic", "irq=msix", ["--device", LegacyRun.e1000e])
        #expect(run.status == 0, run.account)
        #expect(run.report?.devices.map(\.backend) == ["kvm"])
        #expect(
            run.errors.contains {
                $0.contains("\(LegacyRun.e1000e): passed by KVM's own assignment, since this host has no VFIO")
            }, run.account)
    }

    @Test("a NIC without messages works by INTx")
    func e1000() async throws {
        let run = try await LegacyRun(
            "e1000", lab: ["--nic", "e1000", "--bind", "pci-stub"],
            command: [
                Package.binary, "run", "\(Package.guests)/nic.elf", "--append", "irq=intx", "--memory", "64M",
                "--timeout", "60s",
            ]
                + ["--device", "\(LegacyRun.e1000e),backend=kvm"])
        #expect(run.status == 0, run.account)
        #expect(run.output.last?.hasSuffix(" PASS") == true, run.account)
    }

    @Test(
        "vCPUs that never exit are kicked without KVM_CAP_IMMEDIATE_EXIT",
        arguments: [("hang", "20s", "hang"), ("spin", "2s", "timeout")])
    func kick(_ end: String, limit: String, outcome: String) async throws {
        let run = try await LegacyRun(
            "kick-\(end)", lab: [],
            command: [
                Package.binary, "run", "\(Package.guests)/ends.elf", "--append", "end=\(end)", "--cpus", "2",
                "--timeout", limit,
            ]
                + ["--report", "json:report.json", "--record", "recording"])
        #expect(run.status == 124, run.account)
        #expect(run.report?.outcome == outcome)
        #expect(
            run.recording.filter { $0.contains("KVM_SET_SIGNAL_MASK") && $0.hasSuffix("= 0") }.count == 2,
            "one for each vCPU")
        // A kick that is left pending ends every later KVM_RUN of the vCPU that was never started.
        #expect(run.recording.count { $0.contains("KVM_GET_REGS") } < 100)
    }

    @Test("a killed run leaves nothing assigned, and the next one works")
    func killed() async throws {
        let swiftlet = "\(Package.binary) run"
        let run = try await LegacyRun(
            "killed",
            lab: [
                "--nic", "e1000e", "--bind", "pci-stub", "--file", Package.binary, "--file",
                "\(Package.guests)/nic.elf",
            ],
            command: [
                "/bin/sh", "-c",
                """
                \(swiftlet) \(Package.guests)/nic.elf --append 'irq=intx echoes=100000' --memory 64M \
                --console file:first --device \(LegacyRun.e1000e) & \
                first=$!; n=0; until grep -q 'echo seq=3' first || [ $n = 3000 ]; do n=$((n + 1)); done; \
                kill -KILL $first; wait $first; \
                exec \(swiftlet) \(Package.guests)/nic.elf --append irq=msix --memory 64M --timeout 60s \
                --device \(LegacyRun.e1000e)
                """,
            ])
        #expect(run.status == 0, run.account)
        #expect(run.output.last?.hasSuffix(" PASS") == true, run.account)
    }

    @Test("each obstacle is reported with the command that removes it")
    func refusals() async throws {
        let bound = try await LegacyRun(
            "bound", lab: ["--nic", "e1000e"],
            command: [
                Package.binary, "run", "\(Package.guests)/hello.elf", "--device", "\(LegacyRun.e1000e),backend=kvm",
            ])
        // A lab kernel without the NIC's driver has nothing in the way.
        if bound.status != 0 {
            #expect(bound.status == 69, bound.account)
            #expect(
                bound.errors.last?.contains("swiftlet devices bind --driver pci-stub \(LegacyRun.e1000e)") == true,
                bound.account)
        }
        let delivery = try await LegacyRun(
            "delivery",
            command: [
                Package.binary, "run", "\(Package.guests)/hello.elf", "--device",
                "\(LegacyRun.e1000e),backend=kvm,msi=irqfd",
            ])
        #expect(delivery.status == 69, delivery.account)
        #expect(delivery.errors.last?.contains("leave msi= out") == true, delivery.account)
    }
}
