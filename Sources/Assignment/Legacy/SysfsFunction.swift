import Glibc
import HostDevices
import LinuxSystem
import PCI

/// A host function's registers and ranges in sysfs (Documentation/filesystems/sysfs-pci.txt): `config` by reads and
/// writes, memory ranges by mapping `resourceN`, port ranges by reads and writes of it.
///
/// These files access the device directly. The caller is responsible for writing only what is allowed.
final class SysfsFunction: Sendable {
    let bars: [BAR]
    /// 256 or 4096 bytes.
    let configSize: Int
    /// Its expansion ROM; nil if it has none.
    let rom: SysfsROM?
    private let config: Descriptor
    private let windows: [Window]

    /// One range of the device.
    private final class Window: Sendable {
        let bar: BAR
        let file: Descriptor
        /// Nil for ports.
        let mapping: Mapping?
        /// The start of the range in the mapping: ranges smaller than a page need not be aligned to one.
        let skew: Int

        init(_ bar: BAR, file: consuming Descriptor, mapping: consuming Mapping?, skew: Int) {
            self.bar = bar
            self.file = file
            self.mapping = mapping
            self.skew = skew
        }
    }

    /// Opens a function's files.
    /// - Parameter kernel: receives the reads and writes of its registers.
    init(_ function: HostPCIFunction, tree: HostFilesystem, kernel: KernelInterface) throws(AssignmentError) {
        let address = function.address.description
        let folder = tree.path(HostFilesystem.folder(function.address))
        do throws(SystemCallError) {
            let config = try Descriptor(opening: "\(folder)/config", kernel: kernel)
            var windows: [Window] = []
            for range in function.bars {
                let kind: BAR.Kind =
                    switch range.kind {
                    case .ports: .io
                    case .memory32: .memory32
                    case .memory64: .memory64
                    }
                guard
                    let bar = BAR(index: range.index, kind: kind, size: range.size, prefetchable: range.isPrefetchable)
                else { continue }
                let file = try Descriptor(opening: "\(folder)/resource\(range.index)", kernel: kernel)
                if bar.isIO {
                    windows.append(Window(bar, file: file, mapping: nil, skew: 0))
                } else {
                    let skew = Int(range.address & 0xFFF)
                    let mapping = try Mapping(file, count: (Int(bar.size) + skew + 0xFFF) & ~0xFFF)
                    windows.append(Window(bar, file: file, mapping: mapping, skew: skew))
                }
            }
            var status = stat()
            guard fstat(config.raw, &status) == 0 else { throw .last("fstat", config.object) }
            configSize = status.st_size >= 4096 ? 4096 : 256
            rom = function.romSize > 0 ? SysfsROM("\(folder)/rom", size: function.romSize, kernel: kernel) : nil
            self.windows = windows
            bars = windows.map(\.bar)
            self.config = config
        } catch {
            switch error.errno.rawValue {
            case EACCES, EPERM: throw .noAccess(address, error)
            default: throw .system(address, error)
            }
        }
    }

    // MARK: Configuration

    /// Returns all of its registers.
    func snapshot() throws(SystemCallError) -> [UInt8] { try config.read(count: configSize, at: 0) }

    func readConfig(_ offset: Int, width: Int) throws(SystemCallError) -> UInt32 {
        UInt32(truncatingIfNeeded: try config.readRegister(at: UInt64(offset), width: width))
    }

    func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(SystemCallError) {
        try config.writeRegister(UInt64(value), at: UInt64(offset), width: width)
    }

    // MARK: Ranges

    private func window(_ bar: Int, _ offset: UInt64, _ width: Int) -> Window? {
        windows.first {
            $0.bar.index == bar && (1...8).contains(width) && offset <= $0.bar.size
                && UInt64(width) <= $0.bar.size - offset
        }
    }

    /// Reads a range; all ones outside of it.
    func read(_ bar: Int, _ offset: UInt64, width: Int) throws(SystemCallError) -> UInt64 {
        guard let window = window(bar, offset, width) else { return .max }
        switch window.mapping {
        case .some(let mapping): return mapping.readRegister(window.skew + Int(offset), width: width)
        case .none: return try window.file.readRegister(at: offset, width: width)
        }
    }

    /// Writes a range; drops a write outside of it.
    func write(_ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int) throws(SystemCallError) {
        guard let window = window(bar, offset, width) else { return }
        switch window.mapping {
        case .some(let mapping): mapping.writeRegister(window.skew + Int(offset), value, width: width)
        case .none: try window.file.writeRegister(value, at: offset, width: width)
        }
    }

    /// Returns the page-aligned mapping of a memory range; nil for ports and for ranges that share their page with
    /// others.
    func memory(of bar: Int) -> UnsafeMutableRawPointer? {
        guard let window = windows.first(where: { $0.bar.index == bar }), window.skew == 0 else { return nil }
        switch window.mapping {
        case .some(let mapping): return mapping.base
        case .none: return nil
        }
    }
}

/// An expansion ROM's file in sysfs: it reads as the ROM after a 1 is written to it and until a 0 is. Opened for each
/// use.
struct SysfsROM: Sendable {
    private let path: String
    /// The size of the ROM's range in bytes.
    let size: UInt64
    private let kernel: KernelInterface

    init(_ path: String, size: UInt64, kernel: KernelInterface) {
        self.path = path
        self.size = size
        self.kernel = kernel
    }

    func enable(_ isOn: Bool) throws(SystemCallError) {
        let file = try Descriptor(opening: path, kernel: kernel)
        let digit: [UInt8] = [UInt8(ascii: isOn ? "1" : "0")]
        var failure: SystemCallError?
        digit.withUnsafeBytes { bytes in
            do throws(SystemCallError) { try file.write(bytes, at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Reads at most `count` bytes; fewer if the ROM ends: the kernel counts its images.
    func read(_ offset: UInt64, count: Int) throws(SystemCallError) -> [UInt8] {
        let file = try Descriptor(opening: path, flags: O_RDONLY, kernel: kernel)
        var bytes = [UInt8](repeating: 0, count: count)
        let answer = bytes.withUnsafeMutableBytes { file.kernel.read(file.raw, $0, at: offset) }
        guard answer >= 0 else {
            throw SystemCallError(
                call: "pread", object: path, errno: .init(rawValue: Int32(truncatingIfNeeded: -answer)))
        }
        return Array(bytes.prefix(answer))
    }
}
