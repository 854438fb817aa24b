import Glibc
import LinuxSystem
import SystemPackage

/// A kernel for the lab's host, with its modules.
struct HostKernel: Sendable {
    /// The bzImage or ELF file.
    let path: String
    /// Empty where there are none.
    let modules: KernelModules

    /// Modules without which the lab can't reach the host's files and the command's streams.
    static let rootModules = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
    /// Modules that make /dev/kvm and VFIO.
    static let virtualizationModules = ["kvm-amd", "vfio-pci", "vfio_iommu_type1"]

    /// The newest kernel in `boot` that may be read and has the modules the lab needs.
    static func newest(boot: String = "/boot", modules root: String = "/lib/modules") throws(LabError) -> HostKernel {
        let prefix = "vmlinuz-"
        let versions = HostFile.names(in: boot).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        var reasons: [String] = []
        for version in versions.sorted(by: { VersionOrder.precedes($1, $0) }) {
            let path = "\(boot)/\(prefix)\(version)"
            guard HostFile.isReadable(path) else {
                reasons.append("\(path) may not be read by this user")
                continue
            }
            do {
                let modules = try KernelModules(directory: "\(root)/\(version)")
                let lacking = (rootModules + virtualizationModules).filter { !modules.has($0) }
                if lacking.isEmpty { return HostKernel(path: path, modules: modules) }
                reasons.append("\(path) has no module \(lacking.joined(separator: ", "))")
            } catch {
                reasons.append("\(path) has no modules in \(root)/\(version)")
            }
        }
        let what = reasons.isEmpty ? "a kernel \(boot)/\(prefix)*" : "a kernel that the lab can use (\(reasons.joined(separator: "; ")))"
        throw .missing(what: what, package: "linux-image-amd64")
    }

    /// The kernel at `path`, with the modules in `modules`, or in /lib/modules and its version where there are some.
    static func at(_ path: String, modules directory: String?, root: String = "/lib/modules") throws(LabError) -> HostKernel {
        do throws(SystemCallError) {
            if let directory { return HostKernel(path: path, modules: try KernelModules(directory: directory)) }
            guard let version = try version(of: path), HostFile.isReadable("\(root)/\(version)/modules.dep") else {
                return HostKernel(path: path, modules: KernelModules())
            }
            return HostKernel(path: path, modules: try KernelModules(directory: "\(root)/\(version)"))
        } catch {
            throw error.errno == .noSuchFileOrDirectory ? .usage("--kernel or --modules: \(error.object) does not exist") : .system(error)
        }
    }

    private static func version(of path: String) throws(SystemCallError) -> String? {
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        let size = HostFile.status(path)?.size ?? 0
        if let image = try BzImage(file, size: size) { return image.version }
        return ELFProbe.linuxVersion(try HostFile.bytes(of: file, at: 0, count: size))
    }
}
