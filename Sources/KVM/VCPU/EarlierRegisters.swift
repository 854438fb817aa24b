import CLinux
import LinuxSystem

/// A vCPU's registers at the exit before the last one, for hosts whose KVM loses those of the last.
///
/// On AMD's processors KVM resets a vCPU after a triple fault before it reports the exit (`shutdown_interception` in
/// arch/x86/kvm/svm/svm.c). But on request it writes the registers to the `kvm_run` page at every exit (api.rst section
/// 5, `kvm_valid_regs`). The registers of the previous exit are copied from there on the way in, which takes no system
/// call. The general registers cost some 70 ns an exit; the special ones would take three times as much, so they are
/// requested only at each of the first exits and at every 64th later.
struct EarlierRegisters {
    /// KVM_SYNC_X86_REGS and KVM_SYNC_X86_SREGS.
    static let needed: UInt64 = 3
    private static let generalOnly: UInt64 = 1
    /// A power of two.
    private static let interval: UInt64 = 64

    private(set) var general = kvm_regs()
    private(set) var special = kvm_sregs()
    private let page: UnsafeMutableRawPointer
    private var entries: UInt64 = 0
    private var hasAskedForSpecial = true

    /// Returns nil if the page is too small to hold registers.
    init?(_ run: borrowing Mapping) {
        guard run.count >= Int(CL_SYNC_REGS_OFFSET) + MemoryLayout<kvm_sync_regs>.stride else { return nil }
        page = run.base
    }

    /// Stores the registers that user space sets before the first entry.
    func begin(with registers: kvm_regs) { sync.storeBytes(of: registers, as: kvm_regs.self) }
    func begin(with registers: kvm_sregs) {
        (sync + MemoryLayout<kvm_regs>.stride).storeBytes(of: registers, as: kvm_sregs.self)
    }

    /// Copies the registers of the last exit, and requests those of the next one. Called on the way into the guest.
    mutating func keep() {
        general = sync.load(as: kvm_regs.self)
        if hasAskedForSpecial { special = (sync + MemoryLayout<kvm_regs>.stride).load(as: kvm_sregs.self) }
        hasAskedForSpecial = entries < Self.interval || entries & (Self.interval - 1) == 0
        (page + Int(CL_VALID_REGS_OFFSET)).storeBytes(
            of: hasAskedForSpecial ? Self.needed : Self.generalOnly, as: UInt64.self)
        entries &+= 1
    }

    private var sync: UnsafeMutableRawPointer { page + Int(CL_SYNC_REGS_OFFSET) }
}

extension Hypervisor {
    /// Returns true if a triple fault loses the registers, and KVM can provide those of earlier exits. `cpuid` is the
    /// host's: Hygon's processors behave as AMD's do.
    public func losesRegisters(_ cpuid: CPUID) -> Bool {
        cpuid.isAMD
            && UInt64(truncatingIfNeeded: check(.syncRegisters)) & EarlierRegisters.needed == EarlierRegisters.needed
    }
}
