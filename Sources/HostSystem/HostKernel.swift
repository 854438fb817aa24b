import Glibc
import LinuxSystem
import SystemPackage

/// A kernel of this host's, or one like it, for a guest that has this host's files; with its modules.
public struct HostKernel: Sendable {
    /// The bzImage or ELF file.
    public let path: String
    /// Empty where there are none.
    public let modules: KernelModules

    /// A driver on which it depends how the guest gets at files and streams.
    public enum Driver: Sendable {
        case virtioPCI, virtioConsole, ninePVirtio, nineP

        /// Those by which this machine's files are shared. The writable layer of overlay can be done without.
        public static let share: [Driver] = [.virtioPCI, .ninePVirtio, .nineP]

        public var module: String {
            switch self {
            case .virtioPCI: "virtio_pci"
            case .virtioConsole: "virtio_console"
            case .ninePVirtio: "9pnet_virtio"
            case .nineP: "9p"
            }
        }

        /// Text that a kernel holds where the driver is built in: names it registers and lines it logs.
        public var trace: String {
            switch self {
            case .virtioPCI: "virtio-pci"
            case .virtioConsole: "virtio-ports"
            case .ninePVirtio: "9pnet_virtio"
            case .nineP: "Installing v9fs"
            }
        }
    }

    /// Modules by which the guest reaches this machine's files and the command's streams.
    public static let rootModules = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
    /// Modules that make /dev/kvm and VFIO.
    public static let virtualizationModules = ["kvm-amd", "vfio-pci", "vfio_iommu_type1"]

    /// The newest kernel in `boot` that may be read and has the modules that are needed.
    public static func newest(
        boot: String = "/boot", modules root: String = "/lib/modules",
        needing needed: [String] = rootModules + virtualizationModules
    ) throws(HostSystemError) -> HostKernel {
        let prefix = "vmlinuz-"
        let versions = HostFile.names(in: boot).filter { $0.hasPrefix(prefix) }.map {
            String($0.dropFirst(prefix.count))
        }
        var reasons: [String] = []
        for version in versions.sorted(by: { VersionOrder.precedes($1, $0) }) {
            let path = "\(boot)/\(prefix)\(version)"
            guard HostFile.isReadable(path) else {
                reasons.append("\(path) may not be read by this user")
                continue
            }
            do {
                let modules = try KernelModules(directory: "\(root)/\(version)")
                let lacking = needed.filter { !modules.has($0) }
                if lacking.isEmpty { return HostKernel(path: path, modules: modules) }
                reasons.append("\(path) has no module \(lacking.joined(separator: ", "))")
            } catch {
                reasons.append("\(path) has no modules in \(root)/\(version)")
            }
        }
        let what =
            reasons.isEmpty
            ? "a kernel \(boot)/\(prefix)*" : "a kernel that can be used (\(reasons.joined(separator: "; ")))"
        throw .missing(what: what, package: "linux-image-amd64")
    }

    /// The kernel at `path`, with the modules in `modules`, or in /lib/modules and its version where there are some.
    public static func at(_ path: String, modules directory: String?, root: String = "/lib/modules")
        throws(HostSystemError) -> HostKernel
    {
        do throws(SystemCallError) {
            if let directory { return HostKernel(path: path, modules: try KernelModules(directory: directory)) }
            guard let version = try HostKernel(path: path, modules: KernelModules()).version,
                HostFile.isReadable("\(root)/\(version)/modules.dep")
            else {
                return HostKernel(path: path, modules: KernelModules())
            }
            return HostKernel(path: path, modules: try KernelModules(directory: "\(root)/\(version)"))
        } catch {
            throw error.errno == .noSuchFileOrDirectory ? .absent(error.object) : .system(error)
        }
    }

    /// The release, such as `6.1.0-56-amd64`; nil where the file doesn't say.
    public var version: String? {
        get throws(SystemCallError) {
            let file = try Descriptor(opening: path, flags: O_RDONLY)
            let size = HostFile.status(path)?.size ?? 0
            if let image = try BzImage(file, size: size) { return image.version }
            return ELFProbe.linuxVersion(try HostFile.bytes(of: file, at: 0, count: size))
        }
    }

    /// The kernel proper, out of its bzImage; nil where it is compressed by a program that is not known here.
    /// - Throws: `HostSystemError.missing` where that program isn't installed.
    public func unpacked(_ programs: HostPrograms) throws(HostSystemError) -> [UInt8]? {
        let packed: [UInt8]
        let compression: BzImage.Compression
        do throws(SystemCallError) {
            let file = try Descriptor(opening: path, flags: O_RDONLY)
            let size = HostFile.status(path)?.size ?? 0
            guard let image = try BzImage(file, size: size) else {
                return try HostFile.bytes(of: file, at: 0, count: size)
            }
            guard let payload = image.payload else { return nil }
            packed = try HostFile.bytes(of: file, at: payload.range.lowerBound, count: payload.range.count)
            compression = payload.compression
        } catch {
            throw .system(error)
        }
        return try Decompressor(programs: programs).unpack(packed, compression, object: path)
    }
}
