import CLinux
import Glibc
import LinuxSystem
import TestSupport

@testable import KVM

/// A machine of one vCPU and 64 KiB that starts in real mode at 0x1000: the smallest thing that exits.
struct RealModeGuest: ~Copyable {
    let vm: VirtualMachine
    let vcpu: VirtualCPU
    private let memory: Mapping

    /// - Parameter irqchip: without one, HLT is an exit.
    init(_ code: [UInt8], irqchip: Bool = false, kernel: KernelInterface = .host) throws {
        let hypervisor = try Hypervisor(kernel: kernel)
        let vm = try hypervisor.makeVirtualMachine()
        let memory = try Mapping(anonymous: 1 << 16, object: "a guest")
        try vm.setMemory(slot: 0, guestAddress: 0, memory: memory.base, count: 1 << 16)
        try vm.setIntelScratchPages(at: 0xFEFF_C000)
        if irqchip { try vm.makeIRQChip() }
        let vcpu = try vm.makeVirtualCPU(0)
        memory.base.advanced(by: 0x1000).copyMemory(from: code, byteCount: code.count)
        var special = try vcpu.specialRegisters()
        special.cs.base = 0
        special.cs.selector = 0
        try vcpu.setSpecialRegisters(special)
        var registers = kvm_regs()
        registers.rip = 0x1000
        registers.rsp = 0x8000
        registers.rflags = 2
        try vcpu.setRegisters(registers)
        self.memory = memory
        self.vm = vm
        self.vcpu = vcpu
    }

    /// Enters until something else than a kick comes back.
    func enter() -> VCPUExit {
        while true {
            let exit = vcpu.enter()
            if exit != .interrupted { return exit }
        }
    }

    func byte(at address: Int) -> UInt8 { memory.base.load(fromByteOffset: address, as: UInt8.self) }

    func put(_ bytes: [UInt8], at address: Int) {
        memory.base.advanced(by: address).copyMemory(from: bytes, byteCount: bytes.count)
    }
}
