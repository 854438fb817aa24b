import CLinux
import Glibc
public import LinuxSystem

/// A PCI function opened through VFIO. <linux/vfio.h>; Documentation/driver-api/vfio.rst.
public final class VFIODevice: Sendable {
    /// The fixed interrupt indices of PCI devices.
    public enum InterruptIndex: UInt32, Sendable, CaseIterable {
        case intx = 0
        case msi = 1
        case msix = 2
        /// The device reported an uncorrectable error.
        case error = 3
        /// The host wants the device back.
        case request = 4
    }

    /// The properties of an interrupt index.
    public struct InterruptInfo: Sendable {
        /// The number of vectors; zero if the device lacks this kind.
        public let count: Int
        /// It masks itself when it fires (level-triggered).
        public let isAutomasked: Bool
        /// Adding vectors requires disabling all and enabling them again.
        public let isFixedSize: Bool
    }

    /// The address in sysfs's form.
    public let address: String
    /// True if VFIO_DEVICE_RESET has an effect.
    public let canReset: Bool
    /// The regions by index, 0...7.
    public let regions: [VFIORegion]
    private let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor, address: String) throws(VFIOError) {
        self.address = address
        var info = vfio_device_info()
        info.argsz = UInt32(MemoryLayout<vfio_device_info>.size)
        var regions: [VFIORegion] = []
        do throws(SystemCallError) {
            try descriptor.ioctl(.getDeviceInfo, &info)
            for index in 0...VFIORegion.configIndex { regions.append(try Self.region(descriptor, index)) }
        } catch {
            throw .call(error)
        }
        guard info.flags & 2 != 0 else { throw .unsupported("\(address) as a PCI device") }
        canReset = info.flags & 1 != 0
        self.regions = regions
        self.descriptor = descriptor
    }

    // MARK: Regions

    private static func region(_ descriptor: borrowing Descriptor, _ index: Int) throws(SystemCallError) -> VFIORegion {
        let headerSize = MemoryLayout<vfio_region_info>.size
        var info = vfio_region_info()
        info.argsz = UInt32(headerSize)
        info.index = UInt32(index)
        do throws(SystemCallError) {
            try descriptor.ioctl(.getRegionInfo, &info)
        } catch {
            // VFIO may answer EINVAL for a region that the device lacks.
            guard error.errno.rawValue == EINVAL else { throw error }
            return VFIORegion(index: index, size: 0, offset: 0, isReadable: false, isWritable: false, mappable: [])
        }
        var mappable = info.flags & 4 != 0 && info.size > 0 ? [0..<info.size] : []
        if info.flags & 8 != 0, Int(info.argsz) > headerSize, info.argsz <= 1 << 16 {
            // The region has capabilities: ask again with room for them.
            var bytes = [UInt8](repeating: 0, count: Int(info.argsz))
            let argumentSize = info.argsz
            bytes.withUnsafeMutableBytes {
                $0.storeBytes(of: argumentSize, as: UInt32.self)
                $0.storeBytes(of: UInt32(index), toByteOffset: 8, as: UInt32.self)
            }
            try descriptor.ioctl(.getRegionInfo, bytes: &bytes)
            if let areas = sparseAreas(bytes) { mappable = areas }
        }
        return VFIORegion(
            index: index, size: info.size, offset: info.offset, isReadable: info.flags & 1 != 0,
            isWritable: info.flags & 2 != 0,
            mappable: mappable)
    }

    /// Returns the mappable areas of a VFIO_REGION_INFO_CAP_SPARSE_MMAP (1), nil without that capability.
    private static func sparseAreas(_ bytes: [UInt8]) -> [Range<UInt64>]? {
        bytes.withUnsafeBytes { bytes in
            func load<Value: BitwiseCopyable>(_ offset: Int, _ type: Value.Type) -> Value? {
                offset >= 0 && offset + MemoryLayout<Value>.size <= bytes.count
                    ? bytes.loadUnaligned(fromByteOffset: offset, as: type) : nil
            }
            var offset = Int(load(12, UInt32.self) ?? 0)
            var steps = 0
            while offset >= 32, steps < 16, let id = load(offset, UInt16.self), let next = load(offset + 4, UInt32.self)
            {
                if id == 1, let count = load(offset + 8, UInt32.self) {
                    return (0..<min(Int(count), 64)).compactMap { index in
                        guard let start = load(offset + 16 + index * 16, UInt64.self),
                            let size = load(offset + 24 + index * 16, UInt64.self),
                            size > 0, !start.addingReportingOverflow(size).overflow
                        else { return nil }
                        return start..<start + size
                    }
                }
                offset = Int(next)
                steps += 1
            }
            return nil
        }
    }

    /// Reads 1...8 bytes, little-endian. EIO if the device doesn't answer, as with its memory decoder off.
    public func read(_ region: Int, _ offset: UInt64, width: Int) throws(SystemCallError) -> UInt64 {
        let region = regions[region]
        guard offset < region.size, UInt64(width) <= region.size - offset, (1...8).contains(width) else {
            throw SystemCallError(call: "pread", object: "\(address) region \(region.index)", errno: .invalidArgument)
        }
        return try descriptor.readRegister(at: region.offset + offset, width: width)
    }

    /// Reads bytes that are no registers, such as the ROM's.
    public func read(_ region: Int, _ offset: UInt64, count: Int) throws(SystemCallError) -> [UInt8] {
        let region = regions[region]
        guard count >= 0, offset <= region.size, UInt64(count) <= region.size - offset else {
            throw SystemCallError(call: "pread", object: "\(address) region \(region.index)", errno: .invalidArgument)
        }
        return try descriptor.read(count: count, at: region.offset + offset)
    }

    /// Writes 1...8 bytes, little-endian.
    public func write(_ region: Int, _ offset: UInt64, _ value: UInt64, width: Int) throws(SystemCallError) {
        let region = regions[region]
        guard offset < region.size, UInt64(width) <= region.size - offset, (1...8).contains(width) else {
            throw SystemCallError(call: "pwrite", object: "\(address) region \(region.index)", errno: .invalidArgument)
        }
        try descriptor.writeRegister(value, at: region.offset + offset, width: width)
    }

    /// Maps part of a region, which must lie in one of its mappable areas.
    public func map(_ region: Int, _ range: Range<UInt64>) throws(VFIOError) -> Mapping {
        try VFIOError.catching { () throws(SystemCallError) in
            try Mapping(
                descriptor, offset: regions[region].offset + range.lowerBound,
                count: Int(range.upperBound - range.lowerBound))
        }
    }

    // MARK: Interrupts

    /// Returns the properties of an interrupt index. VFIO_DEVICE_GET_IRQ_INFO.
    public func interruptInfo(_ index: InterruptIndex) -> InterruptInfo {
        var info = vfio_irq_info()
        info.argsz = UInt32(MemoryLayout<vfio_irq_info>.size)
        info.index = index.rawValue
        guard (try? descriptor.ioctl(.getInterruptInfo, &info)) != nil, info.flags & 1 != 0 else {
            return InterruptInfo(count: 0, isAutomasked: false, isFixedSize: false)
        }
        return InterruptInfo(
            count: Int(info.count), isAutomasked: info.flags & 4 != 0, isFixedSize: info.flags & 8 != 0)
    }

    /// Signals eventfds when vectors fire; -1 for a vector without one. Enables the index if it was disabled.
    /// - Throws: `.fewerVectors` if the host has too few vectors left: the index is then not enabled.
    public func setTriggers(_ index: InterruptIndex, start: Int = 0, _ events: [Int32]) throws(VFIOError) {
        try setInterrupts(index, flags: 1 << 5 | 1 << 2, start: start, count: events.count, events)
    }

    /// Disables an index and frees its host interrupts.
    public func disable(_ index: InterruptIndex) throws(VFIOError) {
        try setInterrupts(index, flags: 1 << 5 | 1, start: 0, count: 0, [])
    }

    /// Lets a signal on an eventfd unmask the (automasked) vector 0 of an index.
    public func setUnmaskEvent(_ index: InterruptIndex, _ event: Int32) throws(VFIOError) {
        try setInterrupts(index, flags: 1 << 4 | 1 << 2, start: 0, count: 1, [event])
    }

    /// Unmasks vector 0 of an index; a line that is still asserted fires again.
    public func unmask(_ index: InterruptIndex) throws(VFIOError) {
        try setInterrupts(index, flags: 1 << 4 | 1, start: 0, count: 1, [])
    }

    /// VFIO_DEVICE_SET_IRQS. Flags: data none 0, data eventfd 2; action mask 3, unmask 4, trigger 5.
    private func setInterrupts(
        _ index: InterruptIndex, flags: UInt32, start: Int, count: Int, _ events: [Int32]
    ) throws(VFIOError) {
        let size = 20 + 4 * events.count
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBytes { bytes in
            for (number, word) in [UInt32(size), flags, index.rawValue, UInt32(start), UInt32(count)].enumerated() {
                bytes.storeBytes(of: word, toByteOffset: number * 4, as: UInt32.self)
            }
            for (number, event) in events.enumerated() {
                bytes.storeBytes(of: event, toByteOffset: 20 + number * 4, as: Int32.self)
            }
        }
        let answer = try VFIOError.catching { () throws(SystemCallError) in
            try descriptor.ioctl(.setInterrupts, bytes: &bytes)
        }
        // drivers/vfio/pci/vfio_pci_intrs.c, vfio_msi_enable.
        if answer > 0 { throw .fewerVectors(Int(answer)) }
    }

    // MARK: Reset

    /// Resets the function. VFIO_DEVICE_RESET.
    public func reset() throws(VFIOError) {
        try VFIOError.catching { () throws(SystemCallError) in _ = try descriptor.ioctl(.resetDevice) }
    }
}
