import Glibc
import LinuxSystem
import Synchronization

@testable import VFIO

/// A device as VFIO hands it out, made of a file for its regions; it answers ioctls in place of the kernel. It says
/// what our code asks VFIO for; what VFIO does then is tried in the lab.
final class VFIODouble: KernelInterface, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    /// A VFIO_DEVICE_SET_IRQS or VFIO_DEVICE_RESET.
    enum Call: Equatable, Sendable {
        case trigger(VFIODevice.InterruptIndex, start: Int, [Int32])
        case disable(VFIODevice.InterruptIndex)
        case unmaskEvent(VFIODevice.InterruptIndex, Int32)
        case unmask(VFIODevice.InterruptIndex)
        case reset
        case other([UInt32])
    }

    /// Regions by index: where each begins in the file, and its size.
    static let regions: [Int: (offset: Int, size: Int)] = [0: (0x10000, 0x4000), 2: (0x20000, 32), 7: (0, 256)]
    private let counts: [UInt32: (count: UInt32, flags: UInt32)]
    private let calls = Mutex<[Call]>([])
    private let refuses = Mutex<VFIODevice.InterruptIndex?>(nil)
    private let file: TemporaryFile
    /// Of INTx, MSI and MSI-X the one that is enabled: VFIO takes calls about no other then
    /// (drivers/vfio/pci/vfio_pci_intrs.c).
    private let enabledIndex = Mutex<VFIODevice.InterruptIndex?>(nil)
    private let injection = Mutex(Injection())

    /// One call that is refused.
    struct Injection: Sendable {
        /// Calls until then, counted by `made`; nil for none.
        var place: Int?
        var errno: Int32 = 0
        var made = 0
        /// The call that was refused.
        var refused: String?
    }

    /// - Parameter isFixedSize: whether vectors can only be added by disabling all, as before Linux 6.5.
    init(_ hardware: [UInt8], isFixedSize: Bool = false) throws(SystemCallError) {
        let file = try TemporaryFile("a device", size: 0x30000)
        try file.descriptor.write(contents: hardware)
        self.file = file
        let resize: UInt32 = isFixedSize ? 8 : 0
        counts = [0: (1, 7), 1: (8, 9), 2: (20, 1 | resize), 3: (1, 9), 4: (1, 9)]
        super.init()
    }

    func device() throws -> VFIODevice {
        try VFIODevice(
            Descriptor(owning: dup(file.descriptor.raw), object: "0000:00:04.0", kernel: self), address: "0000:00:04.0")
    }

    /// What came since the last call.
    func take() -> [Call] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls
        }
    }

    func refuse(_ index: VFIODevice.InterruptIndex?) { refuses.withLock { $0 = index } }

    /// Refuses the call behind `place` others from now on, whatever it is, once.
    func refuse(at place: Int?, _ errno: Int32) { injection.withLock { $0 = Injection(place: place, errno: errno) } }

    var injected: Injection { injection.withLock { $0 } }

    var enabled: VFIODevice.InterruptIndex? { enabledIndex.withLock { $0 } }

    private func refusal(_ name: String) -> Int32? {
        injection.withLock { injection in
            defer { injection.made += 1 }
            guard injection.made == injection.place else { return nil }
            injection.refused = name
            return -injection.errno
        }
    }

    override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        refusal("pread").map(Int.init) ?? super.read(descriptor, buffer, at: offset)
    }

    override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        refusal("pwrite").map(Int.init) ?? super.write(descriptor, buffer, at: offset)
    }

    /// Whether VFIO takes a call about an index as things stand.
    private func accepts(_ flags: UInt32, _ index: VFIODevice.InterruptIndex) -> Bool {
        guard [.intx, .msi, .msix].contains(index) else { return true }
        return enabledIndex.withLock { enabled in
            guard enabled == nil || enabled == index else { return false }
            switch flags {
            case 36: enabled = index
            case 33:
                guard enabled == index else { return false }
                enabled = nil
            default: return enabled == index
            }
            return true
        }
    }

    func word(region: Int, _ offset: Int) -> UInt32 {
        var value: UInt32 = 0
        _ = pread(file.descriptor.raw, &value, 4, off_t((Self.regions[region]?.offset ?? 0) + offset))
        return value
    }

    override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32
    {
        func word(_ offset: Int) -> UInt32 { argument.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        func put<Value: BitwiseCopyable>(_ value: Value, _ offset: Int) {
            argument.storeBytes(of: value, toByteOffset: offset, as: Value.self)
        }
        if "\(request.name)" == "VFIO_DEVICE_SET_IRQS" {
            if let refusal = refusal("VFIO_DEVICE_SET_IRQS of index \(word(8))") { return refusal }
        } else if let refusal = refusal("\(request.name)") {
            return refusal
        }
        switch "\(request.name)" {
        case "VFIO_DEVICE_GET_INFO":
            put(UInt32(3), 4)
            put(UInt32(9), 8)
            put(UInt32(5), 12)
        case "VFIO_DEVICE_GET_REGION_INFO":
            guard let region = Self.regions[Int(word(8))] else { return -EINVAL }
            put(UInt32(word(8) == 0 ? 7 : 3), 4)
            put(UInt64(region.size), 16)
            put(UInt64(region.offset), 24)
        case "VFIO_DEVICE_GET_IRQ_INFO":
            guard let info = counts[word(8)] else { return -EINVAL }
            put(info.flags, 4)
            put(info.count, 12)
        case "VFIO_DEVICE_SET_IRQS":
            guard let index = VFIODevice.InterruptIndex(rawValue: word(8)) else { return -EINVAL }
            if refuses.withLock({ $0 == index }) { return -EBUSY }
            guard accepts(word(4), index) else { return -EINVAL }
            let events = (0..<Int(word(16))).compactMap {
                20 + 4 * $0 + 4 <= argument.count ? Int32(bitPattern: word(20 + 4 * $0)) : nil
            }
            record(word(4), index, start: Int(word(12)), events)
        default: break
        }
        return 0
    }

    override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        if let refusal = refusal("\(request.name)") { return refusal }
        if "\(request.name)" == "VFIO_DEVICE_RESET" { calls.withLock { $0.append(.reset) } }
        return 0
    }

    /// <linux/vfio.h>: data none 1, eventfd 4; action mask 8, unmask 16, trigger 32.
    private func record(_ flags: UInt32, _ index: VFIODevice.InterruptIndex, start: Int, _ events: [Int32]) {
        let call: Call =
            switch (flags, events.count) {
            case (36, 1...): .trigger(index, start: start, events)
            case (33, 0): .disable(index)
            case (20, 1): .unmaskEvent(index, events[0])
            case (17, 0): .unmask(index)
            default: .other([flags, UInt32(start)])
            }
        calls.withLock { $0.append(call) }
    }
}
