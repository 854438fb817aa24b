public import CLinux
import Glibc
import LinuxSystem

/// A vCPU: its descriptor and the `kvm_run` page it shares with the kernel.
///
/// Only the vCPU's own thread may call `run` and the accessors of an exit's data; any thread may call `requestExit`.
public final class VirtualCPU: @unchecked Sendable {
    // @unchecked: the kernel's rule (api.rst section 3) is that vCPU ioctls come from one thread; `requestExit` writes
    // atomically.

    /// The way in which `kick` reliably makes a vCPU leave the guest, even between the loop's last check and KVM_RUN.
    public enum Kick: Sendable {
        /// KVM reads a flag on its way in. Linux 4.11 and later, KVM_CAP_IMMEDIATE_EXIT.
        case immediateExit
        /// The signal is blocked except during KVM_RUN, so that it stays pending until then. KVM_SET_SIGNAL_MASK,
        /// api.rst 4.17.
        case signalMask
    }

    /// The vCPU's number, which is its APIC id.
    public let number: UInt32
    let descriptor: Descriptor
    private let page: Mapping
    private let run: UnsafeMutablePointer<kvm_run>
    /// True if kicks use the signal mask of `prepare`. Written by the vCPU's thread before its first `enter`.
    private var takesKicks = false
    /// The registers of the exit before the last one; nil if they are not kept. Written before the vCPU's thread runs.
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
            // A blocked kick that ended KVM_RUN stays pending and would end every later one. For a vCPU that waits to
            // be started Linux 4.9 returns EAGAIN in this case.
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
        // The kernel writes these values; they are checked because a mistake here would be a wild access.
        guard index < io.count, offset + 4 <= page.count else { return nil }
        return page.base + offset
    }

    /// Returns element `index` of the last `portOut` exit's data, `0..<count`.
    public func portValue(_ index: UInt32, size: UInt8) -> UInt32 {
        guard let data = portData(index) else { return 0 }
        switch size {
        case 1: return UInt32(data.load(as: UInt8.self))
        case 2: return UInt32(data.loadUnaligned(as: UInt16.self))
        default: return data.loadUnaligned(as: UInt32.self)
        }
    }

    /// Sets element `index` of the last `portIn` exit's data; the guest sees it at the next `enter`.
    public func setPortValue(_ index: UInt32, size: UInt8, _ value: UInt32) {
        guard let data = portData(index) else { return }
        switch size {
        case 1: data.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
        case 2: data.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
        default: data.storeBytes(of: value, as: UInt32.self)
        }
    }

    /// Sets the result of the last `mmioRead` exit; the guest sees it at the next `enter`.
    public func setMMIOValue(_ value: UInt64) {
        mmioData.storeBytes(of: value, as: UInt64.self)
    }

    /// Returns word `index` (0...15) of the data of an internal error.
    public func internalErrorData(_ index: Int) -> UInt64 {
        guard (0..<16).contains(index), let offset = MemoryLayout<kvm_run>.offset(of: \.internal) else { return 0 }
        return (page.base + offset + 8 + index * 8).load(as: UInt64.self)
    }

    /// Prepares the calling thread to run this vCPU. To be called before its first `enter`.
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
    /// flag reads it after it has handled signals (api.rst section 5, immediate_exit), on an older one the signal stays
    /// pending; see `prepare`.
    public func requestExit() {
        guard let offset = MemoryLayout<kvm_run>.offset(of: \.immediate_exit) else { return }
        cl_store_u8((page.base + offset).assumingMemoryBound(to: UInt8.self), 1)
    }

    /// Cancels `requestExit`. For the vCPU's own thread, which must then check for requests made meanwhile.
    public func clearExitRequest() {
        guard let offset = MemoryLayout<kvm_run>.offset(of: \.immediate_exit) else { return }
        cl_store_u8((page.base + offset).assumingMemoryBound(to: UInt8.self), 0)
    }

    // MARK: State

    /// Starts to keep the registers of the exit before the last one: `registersBefore`. To be called before its
    /// registers are set.
    ///
    /// Requires a host that answers `Capability.syncRegisters` with KVM_SYNC_X86_REGS and KVM_SYNC_X86_SREGS.
    public func keepEarlierRegisters() { earlier = EarlierRegisters(page) }

    /// The registers at the exit before the last one, or the initial ones if there was only one exit; nil if they are
    /// not kept. The special ones may be up to 64 exits older. For the vCPU's own thread, or after that has ended.
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

    /// Sets the vCPU's CPUID table. KVM_SET_CPUID2, api.rst 4.46. To be called before the first `enter`.
    public func setCPUID(_ cpuid: CPUID) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var table = cpuid.table
            try descriptor.ioctl(.setCPUID, bytes: &table)
        }
    }

    /// Sets model-specific registers in turn. KVM_SET_MSRS, api.rst 4.19.
    /// - Returns: the number of registers that were set: KVM refused the next register or its value.
    public func setMSRs(_ values: [MSR]) throws(KVMError) -> Int {
        try KVMError.catching { () throws(SystemCallError) in
            var table = MSR.table(values)
            return Int(try descriptor.ioctl(.setMSRs, bytes: &table))
        }
    }

    /// Returns the value of a model-specific register, nil if KVM does not know it. KVM_GET_MSRS, api.rst 4.18.
    public func msr(_ index: UInt32) throws(KVMError) -> UInt64? {
        try KVMError.catching { () throws(SystemCallError) in
            var table = MSR.table([MSR(index: index, value: 0)])
            guard try descriptor.ioctl(.getMSRs, bytes: &table) == 1 else { return nil }
            return table.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self) }
        }
    }

    /// Returns the vCPU's activity: KVM_MP_STATE_RUNNABLE and its like. KVM_GET_MP_STATE, api.rst 4.38.
    public func activity() throws(KVMError) -> UInt32 {
        try KVMError.catching { () throws(SystemCallError) in
            var state = kvm_mp_state()
            try descriptor.ioctl(.getMPState, &state)
            return state.mp_state
        }
    }

    /// Completes the access of the last exit without running the guest, so that registers and memory are up to date.
    /// Requires `Kick.immediateExit`.
    public func completeAccess() {
        requestExit()
        _ = enter()
    }

    /// Returns the local APIC's registers, 1 KiB in the layout of the APIC page. api.rst 4.57.
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
