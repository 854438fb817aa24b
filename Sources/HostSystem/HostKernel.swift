import Glibc
import LinuxSystem
import SystemPackage

/// A kernel of this host, or a similar one, with its modules, for a guest that has this host's files.
public struct HostKernel: Sendable {
    /// The bzImage or ELF file.
    public let path: String
    /// Empty if there are none.
    public let modules: KernelModules

    /// A driver that determines how the guest accesses files and streams.
    public enum Driver: Sendable {
        case virtioPCI, virtioConsole, ninePVirtio, nineP

        /// The drivers for sharing this machine's files. overlay, for the writable layer, is optional.
        public static let share: [Driver] = [.virtioPCI, .ninePVirtio, .nineP]

        public var module: String {
            switch self {
            case .virtioPCI: "virtio_pci"
            case .virtioConsole: "virtio_console"
            case .ninePVirtio: "9pnet_virtio"
            case .nineP: "9p"
            }
        }

        /// A text in a kernel with the driver built in: a name it registers or a line it logs.
        public var trace: String {
            switch self {
            case .virtioPCI: "virtio-pci"
            case .virtioConsole: "virtio-ports"
            case .ninePVirtio: "9pnet_virtio"
            case .nineP: "Installing v9fs"
            }
        }
    }

    /// Modules for the guest's access to this machine's files and the command's streams.
    public static let rootModules = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
    /// Modules that provide /dev/kvm and VFIO.
    public static let virtualizationModules = ["kvm-amd", "vfio-pci", "vfio_iommu_type1"]

    /// Returns the newest readable kernel in `boot` that has the required modules.
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

    /// Returns the kernel at `path`, with the modules in `modules`, or those in /lib/modules for its version if they
    /// exist.
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

    /// The release, such as `6.1.0-56-amd64`; nil if the file doesn't give it.
    public var version: String? {
        get throws(SystemCallError) {
            let file = try Descriptor(opening: path, flags: O_RDONLY)
            let size = HostFile.status(path)?.size ?? 0
            if let image = try BzImage(file, size: size) { return image.version }
            return ELFProbe.linuxVersion(try HostFile.bytes(of: file, at: 0, count: size))
        }
    }

    /// Returns the ELF kernel in the bzImage; nil if its compression is unknown.
    /// - Throws: `HostSystemError.missing` if the decompression program isn't installed.
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
