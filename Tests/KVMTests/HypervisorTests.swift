import Glibc
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import KVM

@Suite struct HypervisorTests {
    private func failure(path: String, kernel: KernelInterface = .host) -> KVMError? {
        do throws(KVMError) {
            _ = try Hypervisor(path: path, kernel: kernel)
            return nil
        } catch {
            return error
        }
    }

    @Test func withoutADeviceFileItSaysWhatToLoad() throws {
        let error = try #require(failure(path: "/dev/swiftlet-has-no-such-file"))
        guard case .unavailable(let path) = error else { throw error }
        #expect(path == "/dev/swiftlet-has-no-such-file")
    }

    /// A sysctl is closed to root as well, so this holds whoever runs the tests.
    @Test func withoutPermissionItSaysHowToGetIt() throws {
        let error = try #require(failure(path: "/proc/sys/kernel/ostype"))
        guard case .noPermission(let path) = error else { throw error }
        #expect(path == "/proc/sys/kernel/ostype")
    }

    @Test(arguments: [
        ("/dev/null", "KVM_GET_API_VERSION", ENOTTY), ("/dev", "open", EISDIR),
    ])
    func somethingElseThanKVMIsNamed(path: String, call: String, errno: Int32) throws {
        let error = try #require(failure(path: path))
        guard case .call(let failed) = error else { throw error }
        #expect(failed == SystemCallError(call: call, object: path, errno: .init(rawValue: errno)))
    }

    @Test(arguments: [11, 13, 0] as [Int32])
    func anotherVersionIsRefused(version: Int32) throws {
        let kernel = KernelDouble(asksKernel: false)
        kernel.answer("KVM_GET_API_VERSION", version)
        let error = try #require(failure(path: "/dev/null", kernel: kernel))
        guard case .version(Int(version)) = error else { throw error }
    }

    @Test func aCapabilityThatCantBeAskedForIsAbsent() throws {
        let kernel = KernelDouble(asksKernel: false)
        kernel.answer("KVM_GET_API_VERSION", 12)
        kernel.fail("KVM_CHECK_EXTENSION", EINVAL)
        let hypervisor = try Hypervisor(path: "/dev/null", kernel: kernel)
        #expect(hypervisor.check(.signalMSI) == 0)
        #expect(kernel.calls("KVM_CHECK_EXTENSION").map(\.value) == [77])
    }

    @Test("creating a machine is repeated after a signal")
    func interruptedCreation() throws {
        let kernel = KernelDouble(asksKernel: false)
        kernel.answer("KVM_GET_API_VERSION", 12)
        // The last answer must be a descriptor that may be closed.
        kernel.answer("KVM_CREATE_VM", -EINTR, -EINTR, dup(2))
        let hypervisor = try Hypervisor(path: "/dev/null", kernel: kernel)
        _ = try hypervisor.makeVirtualMachine()
        #expect(kernel.calls("KVM_CREATE_VM").count == 3)
    }

    @Test func descriptorsInheritTheKernelInterface() throws {
        let kernel = KernelDouble(asksKernel: false)
        kernel.answer("KVM_GET_API_VERSION", 12)
        kernel.answer("KVM_CREATE_VM", dup(2))
        let vm = try Hypervisor(path: "/dev/null", kernel: kernel).makeVirtualMachine()
        try vm.makeIRQChip()
        #expect(kernel.calls.last?.name == "KVM_CREATE_IRQCHIP")
    }
}

@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct HostKVMTests {
    @Test func thisHostSpeaksTheInterface() throws {
        let hypervisor = try Hypervisor()
        #expect(hypervisor.check(.maximumVCPUs) >= 1)
        #expect(hypervisor.check(.memorySlots) >= 32)
        #expect(hypervisor.check(.irqfdResample) == 1)
        #expect(hypervisor.check(.signalMSI) == 1)
        #expect(try !hypervisor.supportedCPUID().entries.isEmpty)
    }

    @Test func severalMachinesLiveSideBySide() throws {
        let hypervisor = try Hypervisor()
        let machines = try (0..<4).map { _ in try hypervisor.makeVirtualMachine() }
        #expect(Set(machines.map(\.raw)).count == 4)
        for machine in machines { #expect(machine.check(.signalMSI) == 1) }
    }

    /// A machine, a vCPU and a device of it, and one call each that some kernel may refuse.
    struct Parts: ~Copyable {
        let kernel = KernelDouble(asksKernel: true)
        let hypervisor: Hypervisor
        let vm: VirtualMachine
        let vcpu: VirtualCPU

        init() throws {
            let hypervisor = try Hypervisor(kernel: kernel)
            let vm = try hypervisor.makeVirtualMachine()
            try vm.makeIRQChip()
            vcpu = try vm.makeVirtualCPU(3)
            self.vm = vm
            self.hypervisor = hypervisor
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let call: String
        let object: String
        let act: @Sendable (borrowing Parts) throws -> Void

        init(_ call: String, on object: String, _ act: @escaping @Sendable (borrowing Parts) throws -> Void) {
            (self.call, self.object, self.act) = (call, object, act)
        }

        var testDescription: String { call }
    }

    static let refusals: [Refusal] = [
        Refusal("KVM_CREATE_VM", on: "/dev/kvm") { _ = try $0.hypervisor.makeVirtualMachine() },
        Refusal("KVM_GET_VCPU_MMAP_SIZE", on: "/dev/kvm") { _ = try $0.hypervisor.makeVirtualMachine() },
        Refusal("KVM_GET_SUPPORTED_CPUID", on: "/dev/kvm") { _ = try $0.hypervisor.supportedCPUID() },
        Refusal("KVM_SET_USER_MEMORY_REGION", on: "virtual machine") { try $0.vm.removeMemory(slot: 7) },
        Refusal("KVM_SET_IDENTITY_MAP_ADDR", on: "virtual machine") { try $0.vm.setIntelScratchPages(at: 0xFEFF_C000) },
        Refusal("KVM_CREATE_IRQCHIP", on: "virtual machine") { try $0.vm.makeIRQChip() },
        Refusal("KVM_CREATE_PIT2", on: "virtual machine") { try $0.vm.makePIT() },
        Refusal("KVM_IRQ_LINE", on: "virtual machine") { try $0.vm.setLine(4, true) },
        Refusal("KVM_SET_GSI_ROUTING", on: "virtual machine") { try $0.vm.setRouting(IRQRouting()) },
        Refusal("KVM_IRQFD", on: "virtual machine") { try $0.vm.attachIRQFD(20, event: 2) },
        Refusal("KVM_IOEVENTFD", on: "virtual machine") {
            try $0.vm.attachIOEventFD(address: 0x80, port: true, length: 1, event: 2)
        },
        Refusal("KVM_SIGNAL_MSI", on: "virtual machine") {
            _ = try $0.vm.signal(MSIMessage(address: 0xFEE0_0000, data: 0x40))
        },
        Refusal("KVM_ENABLE_CAP", on: "virtual machine") { try $0.vm.enable(.x2apicInterface, 3) },
        Refusal("KVM_SET_MSRS", on: "vCPU 3") { _ = try $0.vcpu.setMSRs([MSR(index: 0x2FF, value: 0x806)]) },
        Refusal("KVM_GET_MSRS", on: "vCPU 3") { _ = try $0.vcpu.msr(0x2FF) },
        Refusal("KVM_CREATE_VCPU", on: "virtual machine") { _ = try $0.vm.makeVirtualCPU(9) },
        Refusal("KVM_CREATE_DEVICE", on: "virtual machine") { _ = try $0.vm.makeDevice(.vfio) },
        Refusal("KVM_SET_DEVICE_ATTR", on: "KVM device vfio") {
            try $0.vm.makeDevice(.vfio).set(group: 1, attribute: 1, Int32(2))
        },
        Refusal("KVM_GET_REGS", on: "vCPU 3") { _ = try $0.vcpu.registers() },
        Refusal("KVM_SET_REGS", on: "vCPU 3") { try $0.vcpu.setRegisters($0.vcpu.registers()) },
        Refusal("KVM_GET_SREGS", on: "vCPU 3") { _ = try $0.vcpu.specialRegisters() },
        Refusal("KVM_SET_SREGS", on: "vCPU 3") { try $0.vcpu.setSpecialRegisters($0.vcpu.specialRegisters()) },
        Refusal("KVM_SET_CPUID2", on: "vCPU 3") { try $0.vcpu.setCPUID($0.hypervisor.supportedCPUID()) },
        Refusal("KVM_GET_LAPIC", on: "vCPU 3") { _ = try $0.vcpu.localAPIC() },
        Refusal("KVM_SET_LAPIC", on: "vCPU 3") { try $0.vcpu.setLocalAPIC([UInt8](repeating: 0, count: 1024)) },
    ]

    /// Whatever a kernel refuses, the error names the call, what it was made on and the kernel's reason.
    @Test(arguments: refusals)
    func aRefusalNamesTheCallAndItsObject(refusal: Refusal) throws {
        let parts = try Parts()
        for errno in [ENOMEM, EPERM] {
            parts.kernel.fail(refusal.call, errno)
            do {
                try refusal.act(parts)
                Issue.record("\(refusal.call) was not made")
            } catch KVMError.call(let error) {
                #expect(
                    error
                        == SystemCallError(call: refusal.call, object: refusal.object, errno: .init(rawValue: errno)))
            }
        }
    }
}
