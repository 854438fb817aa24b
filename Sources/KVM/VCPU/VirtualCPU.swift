public import CLinux
import Glibc
import LinuxSystem

/// A vCPU: its descriptor and the `kvm_run` page it shares with the kernel.
///
/// `run` and the accessors of an exit's data belong to the vCPU's own thread; `requestExit` may be called from any.
public final class VirtualCPU: @unchecked Sendable {
    // @unchecked: the kernel's rule (api.rst section 3) is that vCPU ioctls come from one thread; `requestExit` writes
    // atomically.

    /// How a thread's `kick` gets a vCPU out of the guest without being lost between the loop's last look and KVM_RUN.
    public enum Kick: Sendable {
        /// KVM reads a flag on its way in. Linux 4.11 and later, KVM_CAP_IMMEDIATE_EXIT.
        case immediateExit
        /// The signal is blocked but while KVM_RUN runs, so that it waits for it. KVM_SET_SIGNAL_MASK, api.rst 4.17.
        case signalMask
    }

    /// Its number, which is its APIC id.
    public let number: UInt32
    let descriptor: Descriptor
    private let page: Mapping
    private let run: UnsafeMutablePointer<kvm_run>
    /// Whether kicks are taken by the mask of `prepare`. Written by the vCPU's thread before its first `enter`.
    private var takesKicks = false
    /// nil: what its registers were before the last exit is nobody's concern. Written before the vCPU's thread runs.
    private var earlier: EarlierRegisters?

    init(_ descriptor: consuming Descriptor, number: UInt32, mapSize: Int) throws(SystemCallError) {
        self.number = number
        let page = try Mapping(descriptor, count: mapSize)
        run = page.base.assumingMemoryBound(to: kvm_run.self)
        self.page = page
        self.descriptor = descriptor
    }

    // MARK: Running

    /// Runs guest code until something needs user space. KVM_RUN, api.rst 4.10.
    public func enter() -> VCPUExit {
        earlier?.keep()
        let result = cl_kvm_run(descriptor.raw)
        guard result == 0 else {
            // A blocked kick stays pending when it ended KVM_RUN; left there it would end every later one. Of a vCPU
            // that waits to be started Linux 4.9 says EAGAIN then.
            if takesKicks, result == -EINTR || result == -EAGAIN { cl_take_kick() }
            return result == -EINTR || result == -EAGAIN ? .interrupted : .failed(errno: -result)
        }
        switch Int32(run.pointee.exit_reason) {
        case KVM_EXIT_IO:
            let io = run.pointee.io
            return io.direction == UInt8(KVM_EXIT_IO_OUT)
                ? .portOut(port: io.port, size: io.size, count: io.count)
                : .portIn(port: io.port, size: io.size, count: io.count)
        case KVM_EXIT_MMIO:
            let length = UInt8(truncatingIfNeeded: min(run.pointee.mmio.len, 8))
            let address = run.pointee.mmio.phys_addr
            guard run.pointee.mmio.is_write != 0 else { return .mmioRead(address: address, length: length) }
            let value = mmioData.loadUnaligned(as: UInt64.self)
            return .mmioWrite(
                address: address, length: length, value: length == 8 ? value : value & (1 << (8 * UInt64(length)) - 1))
        case KVM_EXIT_INTR: return .interrupted
        case KVM_EXIT_HLT: return .halt
        case KVM_EXIT_SHUTDOWN: return .shutdown
        case KVM_EXIT_SYSTEM_EVENT: return .systemEvent(type: run.pointee.system_event.type)
        case KVM_EXIT_INTERNAL_ERROR:
            return .internalError(suberror: run.pointee.internal.suberror, data: run.pointee.internal.ndata)
        case KVM_EXIT_FAIL_ENTRY:
            return .failEntry(hardwareReason: run.pointee.fail_entry.hardware_entry_failure_reason)
        case KVM_EXIT_UNKNOWN: return .unknown(hardwareReason: run.pointee.hw.hardware_exit_reason)
        case KVM_EXIT_DEBUG: return .debug
        case KVM_EXIT_HYPERCALL: return .hypercall(number: run.pointee.hypercall.nr)
        case KVM_EXIT_IRQ_WINDOW_OPEN: return .irqWindowOpen
        case KVM_EXIT_NMI: return .nmi
        case KVM_EXIT_SET_TPR: return .setTPR
        case KVM_EXIT_IOAPIC_EOI: return .ioapicEOI(vector: run.pointee.eoi.vector)
        case KVM_EXIT_X86_RDMSR: return .readMSR(index: run.pointee.msr.index)
        case KVM_EXIT_X86_WRMSR: return .writeMSR(index: run.pointee.msr.index)
        case KVM_EXIT_X86_BUS_LOCK: return .busLock
        case KVM_EXIT_NOTIFY: return .notify
        default: return .other(reason: run.pointee.exit_reason)
        }
    }

    private var mmioData: UnsafeMutableRawPointer {
        // The union's data field: kvm_run.mmio starts with phys_addr, its data follow.
        let offset = MemoryLayout<kvm_run>.offset(of: \.mmio) ?? 32
        return page.base + offset + 8
    }

    private func portData(_ index: UInt32) -> UnsafeMutableRawPointer? {
        let io = run.pointee.io
        let offset = Int(io.data_offset) + Int(index) * Int(io.size)
        // The kernel writes these; they are checked all the same because a slip here would be a wild access.
        guard index < io.count, offset + 4 <= page.count else { return nil }
        return page.base + offset
    }

    /// Element `index` of the last `portOut` exit's data, `0..<count`.
    public func portValue(_ index: UInt32, size: UInt8) -> UInt32 {
        guard let data = portData(index) else { return 0 }
        switch size {
        case 1: return UInt32(data.load(as: UInt8.self))
        case 2: return UInt32(data.loadUnaligned(as: UInt16.self))
        default: return data.loadUnaligned(as: UInt32.self)
        }
    }

    /// Answers element `index` of the last `portIn` exit; the guest sees it at the next `enter`.
    public func setPortValue(_ index: UInt32, size: UInt8, _ value: UInt32) {
        guard let data = portData(index) else { return }
        switch size {
        case 1: data.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
        case 2: data.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
        default: data.storeBytes(of: value, as: UInt32.self)
        }
    }

    /// Answers the last `mmioRead` exit; the guest sees it at the next `enter`.
    public func setMMIOValue(_ value: UInt64) {
        mmioData.storeBytes(of: value, as: UInt64.self)
    }

    /// Word `index` (0...15) of what came with an internal error.
    public func internalErrorData(_ index: Int) -> UInt64 {
        guard (0..<16).contains(index), let offset = MemoryLayout<kvm_run>.offset(of: \.internal) else { return 0 }
        return (page.base + offset + 8 + index * 8).load(as: UInt64.self)
    }

    /// Makes the calling thread this vCPU's own. Before its first `enter`.
    public func prepare(_ kick: Kick) throws(KVMError) {
        guard kick == .signalMask else { return }
        try KVMError.catching { () throws(SystemCallError) in
            // struct kvm_signal_mask: the length of the kernel's sigset_t, then the signals blocked during KVM_RUN.
            var bytes: [UInt8] = [8, 0, 0, 0]
            withUnsafeBytes(of: cl_block_kick().littleEndian) { bytes += $0 }
            try descriptor.ioctl(.setSignalMask, bytes: &bytes)
        }
        takesKicks = true
    }

    /// Makes the current or next `enter` return `.interrupted`. Follow it with the thread's kick: a host that knows the
    /// flag reads it with the signal's delivery settled (api.rst section 5, immediate_exit), an older one has the
    /// signal waiting; see `prepare`.
    public func requestExit() {
        guard let offset = MemoryLayout<kvm_run>.offset(of: \.immediate_exit) else { return }
        cl_store_u8((page.base + offset).assumingMemoryBound(to: UInt8.self), 1)
    }

    /// Takes `requestExit` back. Of the vCPU's own thread: who requests an exit again meanwhile must be looked for
    /// afterwards.
    public func clearExitRequest() {
        guard let offset = MemoryLayout<kvm_run>.offset(of: \.immediate_exit) else { return }
        cl_store_u8((page.base + offset).assumingMemoryBound(to: UInt8.self), 0)
    }

    // MARK: State

    /// From now on what its registers were at the exit before the last one stays known: `registersBefore`. Before its
    /// registers are set.
    ///
    /// Of a host that answers for `Capability.syncRegisters` with KVM_SYNC_X86_REGS and KVM_SYNC_X86_SREGS.
    public func keepEarlierRegisters() { earlier = EarlierRegisters(page) }

    /// The registers at the exit before the last one, or those that the vCPU began with where it made but one exit; nil
    /// where they are not kept. The special ones may be up to 64 exits older. Of its own thread, or when that has
    /// ended.
    public var registersBefore: (general: kvm_regs, special: kvm_sregs)? { earlier.map { ($0.general, $0.special) } }

    public func registers() throws(KVMError) -> kvm_regs {
        try KVMError.catching { () throws(SystemCallError) in
            var registers = kvm_regs()
            try descriptor.ioctl(.getRegisters, &registers)
            return registers
        }
    }

    public func setRegisters(_ registers: kvm_regs) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var registers = registers
            try descriptor.ioctl(.setRegisters, &registers)
            earlier?.begin(with: registers)
        }
    }

    public func specialRegisters() throws(KVMError) -> kvm_sregs {
        try KVMError.catching { () throws(SystemCallError) in
            var registers = kvm_sregs()
            try descriptor.ioctl(.getSpecialRegisters, &registers)
            return registers
        }
    }

    public func setSpecialRegisters(_ registers: kvm_sregs) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var registers = registers
            try descriptor.ioctl(.setSpecialRegisters, &registers)
            earlier?.begin(with: registers)
        }
    }

    /// KVM_SET_CPUID2, api.rst 4.46. Before the first `enter`.
    public func setCPUID(_ cpuid: CPUID) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var table = cpuid.table
            try descriptor.ioctl(.setCPUID, bytes: &table)
        }
    }

    /// Sets model-specific registers in turn. KVM_SET_MSRS, api.rst 4.19.
    /// - Returns: how many were set: the one after them is refused by this KVM, or its value is.
    public func setMSRs(_ values: [MSR]) throws(KVMError) -> Int {
        try KVMError.catching { () throws(SystemCallError) in
            var table = MSR.table(values)
            return Int(try descriptor.ioctl(.setMSRs, bytes: &table))
        }
    }

    /// What a model-specific register holds; nil where KVM does not know it. KVM_GET_MSRS, api.rst 4.18.
    public func msr(_ index: UInt32) throws(KVMError) -> UInt64? {
        try KVMError.catching { () throws(SystemCallError) in
            var table = MSR.table([MSR(index: index, value: 0)])
            guard try descriptor.ioctl(.getMSRs, bytes: &table) == 1 else { return nil }
            return table.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self) }
        }
    }

    /// Whether it runs, is halted, or waits to be started: KVM_MP_STATE_RUNNABLE and its like. KVM_GET_MP_STATE,
    /// api.rst 4.38.
    public func activity() throws(KVMError) -> UInt32 {
        try KVMError.catching { () throws(SystemCallError) in
            var state = kvm_mp_state()
            try descriptor.ioctl(.getMPState, &state)
            return state.mp_state
        }
    }

    /// Completes the access that its last exit was for, without running the guest: registers and memory are as the
    /// guest will find them. Only where `Kick.immediateExit` is at hand.
    public func completeAccess() {
        requestExit()
        _ = enter()
    }

    /// The local APIC's registers, 1 KiB as the APIC page has them. api.rst 4.57.
    public func localAPIC() throws(KVMError) -> [UInt8] {
        try KVMError.catching { () throws(SystemCallError) in
            var page = [UInt8](repeating: 0, count: 1024)
            try descriptor.ioctl(.getLAPIC, bytes: &page)
            return page
        }
    }

    public func setLocalAPIC(_ page: [UInt8]) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var page = page
            try descriptor.ioctl(.setLAPIC, bytes: &page)
        }
    }
}
