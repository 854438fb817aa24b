import CLinux
import LinuxSystem

/// What a vCPU's registers were at its last exit but one, for hosts whose KVM loses those of the last.
///
/// On AMD's processors KVM resets a vCPU that triple-faulted before user space hears of it (`shutdown_interception` in
/// arch/x86/kvm/svm/svm.c). But it leaves the registers in the `kvm_run` page at every exit if asked to (api.rst
/// section 5, `kvm_valid_regs`): what was left there by the exit before is put aside on the way in. That takes no
/// system call. The general registers cost some 70 ns an exit; the special ones would take three times as much, so they
/// are asked for at each of the first exits and at every 64th later.
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

    /// nil where the page is too small to be one that holds registers.
    init?(_ run: borrowing Mapping) {
        guard run.count >= Int(CL_SYNC_REGS_OFFSET) + MemoryLayout<kvm_sync_regs>.stride else { return nil }
        page = run.base
    }

    /// Registers that user space sets before the first entry.
    func begin(with registers: kvm_regs) { sync.storeBytes(of: registers, as: kvm_regs.self) }
    func begin(with registers: kvm_sregs) {
        (sync + MemoryLayout<kvm_regs>.stride).storeBytes(of: registers, as: kvm_sregs.self)
    }

    /// On the way into the guest: puts aside what the last exit left, and says what the next one is to leave.
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
    /// Whether a triple fault takes the registers with it, and KVM can be asked for those before it. Takes the host's
    /// CPUID: AMD's way is Hygon's.
    public func losesRegisters(_ cpuid: CPUID) -> Bool {
        cpuid.isAMD
            && UInt64(truncatingIfNeeded: check(.syncRegisters)) & EarlierRegisters.needed == EarlierRegisters.needed
    }
}
