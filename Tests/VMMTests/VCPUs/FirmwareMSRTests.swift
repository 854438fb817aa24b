import TestSupport
import Testing

@testable import KVM
@testable import VMM

/// Registers as firmware would leave them.
@Suite struct FirmwareMSRTests {
    private func cpuid(vendor: UInt32, ecx: UInt32, edx: UInt32) -> CPUID {
        var cpuid = CPUID(table: [UInt8](repeating: 0, count: 8))
        func add(_ function: UInt32, eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
            cpuid.entries.append(
                CPUID.Entry(function: function, index: 0, flags: 0, eax: eax, ebx: ebx, ecx: ecx, edx: edx))
        }
        add(0, ebx: vendor)
        add(1, ecx: ecx, edx: edx)
        add(0x8000_0008, eax: 40)
        return cpuid
    }

    @Test func memoryTypesAreAsFirmwareLeavesThem() {
        let values = FirmwareMSRs.values(cpuid(vendor: 0x6874_7541, ecx: 0, edx: 1 << 12))
        #expect(
            values == [
                MSR(index: 0x200, value: 0xC000_0000), MSR(index: 0x201, value: 0xFF_C000_0800),
                MSR(index: 0x2FF, value: 0x806),
            ])
        #expect(FirmwareMSRs.values(cpuid(vendor: 0x6874_7541, ecx: 0, edx: 0)).isEmpty)
    }

    @Test func intelHasFastStringsAndVMXWhereItIsOffered() {
        let plain = FirmwareMSRs.values(cpuid(vendor: 0x756E_6547, ecx: 0, edx: 0))
        #expect(plain == [MSR(index: 0x1A0, value: 0x1801)])
        #expect(
            FirmwareMSRs.values(cpuid(vendor: 0x756E_6547, ecx: 1 << 5, edx: 0)) == plain + [MSR(index: 0x3A, value: 5)]
        )
    }

    /// What one KVM refuses must not keep what follows from being set.
    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func aRefusedRegisterIsPassedOver() throws {
        let kernel = KernelDouble(asksKernel: true)
        let vm = try Hypervisor(kernel: kernel).makeVirtualMachine()
        try vm.makeIRQChip()
        let vcpu = try vm.makeVirtualCPU(0)
        kernel.answer("KVM_SET_MSRS", 1, 0, 1)
        try vcpu.setFirmwareMSRs((1...4).map { MSR(index: $0, value: 0) })
        // The first is set, the second and third are refused, the fourth is set.
        #expect(kernel.calls("KVM_SET_MSRS").map { $0.word(0) } == [4, 2, 1])
        #expect(kernel.calls("KVM_SET_MSRS").map { $0.word(8) } == [1, 3, 4])
    }
}
