import Glibc
import KVM
import Synchronization

/// The test device that kvm-unit-tests expect of a board, as QEMU's `pc-testdev` is one: ports and memory that hold
/// what was written, a port that takes a page out of KVM's page tables, and ports that set interrupt lines.
///
/// | where | what |
/// |---|---|
/// | ports 0xE0...0xE3, 0xE8...0xEB | four bytes, the same ones in both places |
/// | port 0xE4 | a guest-physical address: its page leaves KVM's tables, so the next access faults into KVM |
/// | ports 0x2000 + N | the level of GSI N, 0...23: low where zero is written |
/// | memory at 0xFF000000 | 64 KiB |
enum TestDevice {
    private static let scratchPorts: [Range<UInt64>] = [0xE0..<0xE4, 0xE8..<0xEC]
    private static let flushPort: Range<UInt64> = 0xE4..<0xE8
    private static let linePorts: Range<UInt64> = 0x2000..<0x2018
    static let window: Range<UInt64> = 0xFF00_0000..<0xFF01_0000

    /// The last slot, so that passed-through devices have the same slots as without the test device.
    static let slot = 31

    /// All of its ports.
    static let entry = BoardEntry("the test device", scratchPorts[0], flushPort, scratchPorts[1], linePorts)

    /// Claims the device's ranges.
    static func claim(_ ports: inout Bus, _ mmio: inout Bus, vm: VirtualMachine, memory: GuestMemory) throws(Bus
        .ClaimError)
    {
        let scratch = TestScratch(count: 4)
        for range in scratchPorts { try ports.claim(range, scratch, for: entry.name) }
        try ports.claim(flushPort, TestPageFlush(memory), for: entry.name)
        try ports.claim(linePorts, TestLines(vm), for: entry.name)
        try mmio.claim(window, TestScratch(count: Int(window.upperBound - window.lowerBound)), for: entry.name)
    }

    /// Puts its function on the PCI bus. To be called before the first vCPU runs.
    static func attach(to bridge: PCIHostBridge) throws(PCIHostBridge.PlugError) {
        try bridge.plug(TestFunction(), slot: slot)
        bridge.remap()
    }
}

/// Memory that holds written bytes, least significant first. Bytes after the last one read as zero.
final class TestScratch: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.
    private let bytes: Mutex<[UInt8]>

    init(count: Int) { bytes = Mutex([UInt8](repeating: 0, count: count)) }

    func save() -> [UInt8] { bytes.withLock { $0 } }

    func restore(_ state: [UInt8]) throws(StateError) {
        try bytes.withLock { bytes throws(StateError) in
            guard bytes.count == state.count else { throw .differs("the test device") }
            bytes = state
        }
    }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        bytes.withLock { bytes in
            let end = min(bytes.count, Int(offset) + width)
            var value: UInt64 = 0
            for index in stride(from: end - 1, through: Int(offset), by: -1) {
                value = value << 8 | UInt64(bytes[index])
            }
            return value
        }
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        bytes.withLock { bytes in
            for index in Int(offset)..<min(bytes.count, Int(offset) + width) {
                bytes[index] = UInt8(truncatingIfNeeded: value >> UInt64((index - Int(offset)) * 8))
            }
        }
    }
}

/// The flush port: a write removes the page at that guest-physical address from KVM's page tables. Its contents stay.
///
/// It changes the protection of the host mapping, which the kernel reports to KVM; Linux's
/// Documentation/mm/mmu_notifier.rst. Only the host's execute permission changes, which is never used, so that other
/// vCPUs can read and write the page all the time.
final class TestPageFlush: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    private static let pageSize = 4096
    private let memory: GuestMemory

    init(_ memory: GuestMemory) { self.memory = memory }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0 else { return }
        let page = value & ~UInt64(Self.pageSize - 1)
        // There is nothing to flush outside of RAM.
        try? memory.withBytes(at: page, count: Self.pageSize) { bytes in
            // A host that forbids memory that is both writable and executable: other vCPUs must not access the page in
            // this moment.
            if mprotect(bytes.baseAddress, bytes.count, PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
                mprotect(bytes.baseAddress, bytes.count, PROT_READ)
            }
            mprotect(bytes.baseAddress, bytes.count, PROT_READ | PROT_WRITE)
        }
    }
}

/// The levels of the interrupt controllers' pins.
final class TestLines: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    private let vm: VirtualMachine

    init(_ vm: VirtualMachine) { self.vm = vm }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        // KVM refuses a line only without an interrupt controller, and then no guest expects it.
        try? vm.setLine(UInt32(offset), value != 0)
    }
}
