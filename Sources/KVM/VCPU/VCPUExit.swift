/// The reason why KVM_RUN returned; `struct kvm_run` of api.rst section 5. Plain numbers only, so that handling an exit
/// allocates nothing.
public enum VCPUExit: Sendable, Equatable {
    /// KVM_EXIT_IO, outwards. The data are `VirtualCPU.portValue`.
    case portOut(port: UInt16, size: UInt8, count: UInt32)
    /// KVM_EXIT_IO, inwards. Answer with `VirtualCPU.setPortValue`.
    case portIn(port: UInt16, size: UInt8, count: UInt32)
    /// KVM_EXIT_MMIO write of 1...8 bytes.
    case mmioWrite(address: UInt64, length: UInt8, value: UInt64)
    /// KVM_EXIT_MMIO read of 1...8 bytes. Answer with `VirtualCPU.setMMIOValue`.
    case mmioRead(address: UInt64, length: UInt8)
    /// The run was kicked: EINTR, or KVM_EXIT_INTR.
    case interrupted
    /// KVM_EXIT_HLT: only without an in-kernel irqchip.
    case halt
    /// KVM_EXIT_SHUTDOWN: a triple fault.
    case shutdown
    /// KVM_EXIT_SYSTEM_EVENT; type 1 shutdown, 2 reset, 3 crash.
    case systemEvent(type: UInt32)
    /// KVM_EXIT_INTERNAL_ERROR; suberror 1 is an instruction that KVM could not emulate. `data` is the number of words
    /// that came with it.
    case internalError(suberror: UInt32, data: UInt32)
    /// KVM_EXIT_FAIL_ENTRY: the processor refused the guest's state.
    case failEntry(hardwareReason: UInt64)
    /// KVM_EXIT_UNKNOWN.
    case unknown(hardwareReason: UInt64)
    /// KVM_EXIT_DEBUG.
    case debug
    /// KVM_EXIT_HYPERCALL.
    case hypercall(number: UInt64)
    /// KVM_EXIT_IRQ_WINDOW_OPEN.
    case irqWindowOpen
    /// KVM_EXIT_NMI.
    case nmi
    /// KVM_EXIT_SET_TPR.
    case setTPR
    /// KVM_EXIT_IOAPIC_EOI: only with a split irqchip.
    case ioapicEOI(vector: UInt8)
    /// KVM_EXIT_X86_RDMSR: only if user-space MSR handling was requested.
    case readMSR(index: UInt32)
    /// KVM_EXIT_X86_WRMSR.
    case writeMSR(index: UInt32)
    /// KVM_EXIT_X86_BUS_LOCK.
    case busLock
    /// KVM_EXIT_NOTIFY.
    case notify
    /// A reason this list doesn't know.
    case other(reason: UInt32)
    /// KVM_RUN itself failed.
    case failed(errno: Int32)

    /// The exit's kind, for counting.
    public enum Kind: Int, CaseIterable, Sendable {
        case portOut, portIn, mmioWrite, mmioRead, interrupted, halt, shutdown, systemEvent, internalError, failEntry,
            unknown, debug,
            hypercall
        case irqWindowOpen, nmi, setTPR, ioapicEOI, readMSR, writeMSR, busLock, notify, other, failed

        /// The name in reports. Spelled out, since asking the runtime for a case's name costs more than a boot's first
        /// exit.
        public var name: String {
            switch self {
            case .portOut: "port_out"
            case .portIn: "port_in"
            case .mmioWrite: "mmio_write"
            case .mmioRead: "mmio_read"
            case .interrupted: "interrupted"
            case .halt: "halt"
            case .shutdown: "shutdown"
            case .systemEvent: "system_event"
            case .internalError: "internal_error"
            case .failEntry: "fail_entry"
            case .unknown: "unknown"
            case .debug: "debug"
            case .hypercall: "hypercall"
            case .irqWindowOpen: "irq_window_open"
            case .nmi: "nmi"
            case .setTPR: "set_tpr"
            case .ioapicEOI: "ioapic_eoi"
            case .readMSR: "read_msr"
            case .writeMSR: "write_msr"
            case .busLock: "bus_lock"
            case .notify: "notify"
            case .other: "other"
            case .failed: "failed"
            }
        }
    }

    public var kind: Kind {
        switch self {
        case .portOut: .portOut
        case .portIn: .portIn
        case .mmioWrite: .mmioWrite
        case .mmioRead: .mmioRead
        case .interrupted: .interrupted
        case .halt: .halt
        case .shutdown: .shutdown
        case .systemEvent: .systemEvent
        case .internalError: .internalError
        case .failEntry: .failEntry
        case .unknown: .unknown
        case .debug: .debug
        case .hypercall: .hypercall
        case .irqWindowOpen: .irqWindowOpen
        case .nmi: .nmi
        case .setTPR: .setTPR
        case .ioapicEOI: .ioapicEOI
        case .readMSR: .readMSR
        case .writeMSR: .writeMSR
        case .busLock: .busLock
        case .notify: .notify
        case .other: .other
        case .failed: .failed
        }
    }
}
