import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing

/// What this host's KVM was asked and answered, recorded and replayed without it.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct KernelRecordingTests {
    /// What became of each call: the same in a replay as when it was recorded.
    struct Findings: Equatable {
        var withoutIRQChip = ""
        var routes = 0
        var delivery = ""
        var cpuidEntries = 0
        var capability = 0
        var localAPIC: [UInt8] = []
    }

    /// - Parameter shifted: guest memory lies at another address, and the eventfd has another number.
    private func drive(_ kernel: KernelInterface, path: String = "/dev/kvm", shifted: Bool = false) throws -> Findings {
        var findings = Findings()
        let hypervisor = try Hypervisor(path: path, kernel: kernel)
        findings.capability = hypervisor.check(.signalMSI)
        findings.cpuidEntries = try hypervisor.supportedCPUID().entries.count
        let vm = try hypervisor.makeVirtualMachine()
        let memory = try Mapping(anonymous: 1 << 16, object: "guest memory")
        try vm.setMemory(slot: 0, guestAddress: 0, memory: memory.base + (shifted ? 0x4000 : 0), count: 0x8000)
        let message = MSIMessage(address: 0xFEE0_0000, data: 0x4041)
        do {
            _ = try vm.signal(message)
        } catch {
            findings.withoutIRQChip = "\(error)"
        }
        try vm.makeIRQChip()
        let vcpu = try vm.makeVirtualCPU(0)
        var routing = IRQRouting()
        let added = routing.add(message)
        let gsi = try #require(added)
        while routing.routes.count < 1000, routing.add(message) != nil {}
        findings.routes = routing.routes.count
        try vm.setRouting(routing)
        let spare = try EventDescriptor("a spare")
        let other = try EventDescriptor("another")
        let event = shifted ? other.raw : spare.raw
        try vm.attachIRQFD(gsi, event: event)
        try vm.detachIRQFD(gsi, event: event)
        findings.delivery = "\(try vm.signal(message))"
        findings.localAPIC = try vcpu.localAPIC()
        try vm.removeMemory(slot: 0)
        return findings
    }

    private func record() throws -> (recording: Recording, text: String, findings: Findings) {
        var findings = Findings()
        let file = try RecordedFile({ findings = try drive($0) }, kernel: .host)
        return (try file.recording, try file.text, findings)
    }

    @Test func aMachinesCallsAreRecordedAndReplayed() throws {
        let (recording, text, findings) = try record()
        #expect(findings.withoutIRQChip == "KVM_SIGNAL_MSI on virtual machine: Invalid argument")
        #expect(findings.routes == 1000)
        #expect(findings.capability == 1)
        #expect(findings.cpuidEntries > 0)
        #expect(findings.localAPIC.contains { $0 != 0 })
        #expect(
            recording.lines.map(\.call.name) == [
                "open", "KVM_GET_API_VERSION", "KVM_CHECK_EXTENSION", "KVM_GET_SUPPORTED_CPUID", "KVM_CREATE_VM",
                "KVM_GET_VCPU_MMAP_SIZE",
                "KVM_SET_USER_MEMORY_REGION", "KVM_SIGNAL_MSI", "KVM_CREATE_IRQCHIP", "KVM_CREATE_VCPU",
                "KVM_SET_GSI_ROUTING", "KVM_IRQFD",
                "KVM_IRQFD", "KVM_SIGNAL_MSI", "KVM_GET_LAPIC", "KVM_SET_USER_MEMORY_REGION",
            ])
        for line in [
            "1 \"/dev/kvm\" open 0x80002 = descriptor",
            "2 \"/dev/kvm\" KVM_GET_API_VERSION 0xae00 0x0 = 12",
            "5 \"/dev/kvm\" KVM_CREATE_VM 0xae01 0x0 = descriptor",
            """
            7 \"virtual machine\" KVM_SET_USER_MEMORY_REGION 0x4020ae46 \
            [000000000000000000000000000000000080000000000000................] = 0
            """,
            """
            8 \"virtual machine\" KVM_SIGNAL_MSI 0x4020aea5 \
            [0000e0fe000000004140000000000000\(String(repeating: "0", count: 32))] = -22 EINVAL
            """,
            "10 \"virtual machine\" KVM_CREATE_VCPU 0xae41 0x0 = descriptor",
            "end 16",
        ] { #expect(text.contains("\n\(line)\n"), "\(line)") }

        // No /dev/kvm is asked, not even for a vCPU's page; our memory and our eventfd are elsewhere.
        #expect(try ReplayKernel(recording).run { try drive($0, shifted: true) } == findings)
    }

    @Test func twoRecordingsOfTheSameAreTheSame() throws {
        let first = try record().recording.lines.map(\.call)
        let second = try record().recording.lines.map(\.call)
        #expect(first == second)
    }

    @Test func anotherMachineIsNotTheRecordedOne() throws {
        let recording = try record().recording
        let kernel = ReplayKernel(recording)
        let hypervisor = try Hypervisor(kernel: kernel)
        #expect(hypervisor.check(.irqfdResample) == 0, "its error is taken for 0")
        #expect(
            kernel.failure?.description
                == "\(recording.name), line 4: KVM_CHECK_EXTENSION on /dev/kvm came with another argument: "
                    + """
                    expected \"/dev/kvm\" KVM_CHECK_EXTENSION 0xae03 0x4d, came \"/dev/kvm\" KVM_CHECK_EXTENSION \
                    0xae03 0x52
                    """
        )
    }

    @Test func aReplayOfAnotherPathNeedsItsName() throws {
        let recording = try record().recording
        let kernel = ReplayKernel(recording) { $0 == "/nowhere/kvm" ? "/dev/kvm" : $0 }
        _ = try kernel.run { try drive($0, path: "/nowhere/kvm") }
    }
}
