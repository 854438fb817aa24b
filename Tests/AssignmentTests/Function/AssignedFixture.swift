import Glibc
import KVM
import LinuxSystem
import PCI
import Synchronization
import TestSupport
import VMM

@testable import Assignment
@testable import KVM
@testable import VMM

/// Returns a virtual machine whose ioctls a test double answers.
func virtualMachine(on kernel: KernelInterface) -> VirtualMachine {
    VirtualMachine(Descriptor(owning: dup(2), object: "virtual machine", kernel: kernel), vcpuMapSize: 4096)
}

/// A function with MSI of eight vectors at 0x50, MSI-X of 20 vectors at 0x70 (table in BAR 0 at 0x2000, pending bits at
/// 0x3000), power management at 0x80 and INTA, on a guest's bus that reaches it through both configuration mechanisms.
struct AssignedFixture {
    static let msi = 0x50
    static let msix = 0x70
    static let power = 0x80
    static let table: UInt64 = 0x2000
    static let pending: UInt64 = 0x3000
    static let vectors = 20

    let timeline = Timeline()
    let backend: RecordingBackend
    let function: AssignedFunction<RecordingBackend>
    let failures: Failures
    private let bridge: PCIHostBridge
    private let ports: ConfigPorts
    private let ecam: ECAM

    final class Failures: Sendable {
        private let sentences = Mutex<[String]>([])
        var all: [String] { sentences.withLock { $0 } }
        func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
    }

    /// Tells the timeline of memory that the guest gets and loses.
    private final class SlotKernel: KernelInterface, @unchecked Sendable {
        // @unchecked: all it has is constant; the timeline guards itself.
        let timeline: Timeline
        init(_ timeline: Timeline) {
            self.timeline = timeline
            super.init()
        }

        override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
            -> Int32
        {
            guard "\(request.name)" == "KVM_SET_USER_MEMORY_REGION" else { return 0 }
            let size = argument.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            timeline.add(size == 0 ? .unmapped : .mapped(argument.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            return 0
        }

        override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 { 0 }
    }

    static var hardware: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 256)
        func put(_ offset: Int, _ values: UInt8...) {
            for (index, value) in values.enumerated() { bytes[offset + index] = value }
        }
        put(0x00, 0x86, 0x80, 0xD3, 0x10, 0x07, 0x04, 0x10, 0x00)
        put(0x10, 0x04)
        put(0x34, 0x50)
        put(0x3C, 0x0B, 0x01)
        put(0x50, 0x05, 0x70, 0x86, 0x01)  // 64 bit, masks, eight vectors
        put(0x70, 0x11, 0x80, 0x13, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00)
        put(0x80, 0x01, 0x00, 0x03, 0x02)  // D1 and no D2
        return bytes
    }

    init(hasINTx: Bool = true, failingAfter count: Int? = nil, rom: [UInt8]? = nil) throws {
        let vm = virtualMachine(on: SlotKernel(timeline))
        let failures = Failures()
        self.failures = failures
        // Never accessed: the double passes it to no kernel.
        let area = UnsafeMutableRawPointer(bitPattern: 0x10_0000).map {
            PCIFunction.MappableRegion(offset: 0, count: 0x2000, memory: $0)
        }
        backend = RecordingBackend(
            Self.hardware,
            bars: [BAR(index: 0, kind: .memory64, size: 0x4000), BAR(index: 2, kind: .io, size: 32)].compactMap { $0 },
            hasINTx: hasINTx, areas: [0: [area].compactMap { $0 }], rom: rom, timeline: timeline)
        if let count { backend.fail(after: count) }
        function = try AssignedFunction(
            backend, showsROM: rom != nil,
            line: { pin throws(SystemCallError) in try InterruptLine(gsi: 15 + UInt32(pin), vm: vm) },
            onFailure: { failures.add($0) })
        bridge = PCIHostBridge(
            vm: vm, memory: try GuestMemory(count: 1 << 20), firstMemorySlot: 1, physicalAddressBits: 40
        ) { failures.add($0) }
        try bridge.plug(function, slot: 4)
        ports = ConfigPorts(bridge, try RunState {})
        ecam = ECAM(bridge)
        if count == nil { _ = timeline.take() }
    }

    /// How the guest makes its accesses.
    enum Mechanism: CaseIterable, Sendable { case ports, ecam }

    func read(_ offset: Int, width: Int, by mechanism: Mechanism = .ecam) -> UInt32 {
        if mechanism == .ecam { return UInt32(truncatingIfNeeded: ecam.read(UInt64(4 << 15 | offset), width: width)) }
        ports.write(0, UInt64(0x8000_2000 | offset & ~3), width: 4)
        return UInt32(truncatingIfNeeded: ports.read(UInt64(offset & 3 | 4), width: width))
    }

    /// The IDs of function `place & 7` of device `place >> 3`, counted over buses.
    func readFunction(_ place: Int) -> UInt32 { UInt32(truncatingIfNeeded: ecam.read(UInt64(place << 12), width: 4)) }

    /// Makes a write and gives what came of it.
    @discardableResult
    func write(_ offset: Int, _ value: UInt32, width: Int, by mechanism: Mechanism = .ecam) -> [Timeline.Event] {
        _ = timeline.take()
        switch mechanism {
        case .ecam: ecam.write(UInt64(4 << 15 | offset), UInt64(value), width: width)
        case .ports:
            ports.write(0, UInt64(0x8000_2000 | offset & ~3), width: 4)
            ports.write(UInt64(offset & 3 | 4), UInt64(value), width: width)
        }
        return timeline.take()
    }

    /// A write to BAR 0 and what came of it.
    @discardableResult
    func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int) -> [Timeline.Event] {
        _ = timeline.take()
        function.writeBAR(0, offset: offset, value, width: width)
        return timeline.take()
    }
}
