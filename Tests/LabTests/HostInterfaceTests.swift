import LinuxSystem
import Testing
import TestSupport

@testable import HostSystem
@testable import Lab

struct HostInterfaceTests {
    private static let share = "virtio-pci\0 9pnet_virtio\0 <6>9p: Installing v9fs 9p2000 file system support\0 "
    private static let shared = HostInterface(files: .shared, streams: .virtio)
    private static let packed = HostInterface(files: .packed, streams: .serial)

    private func modules(_ names: [String]) -> KernelModules {
        KernelModules(directory: "/m", dependencyList: names.map { "kernel/\($0).ko:\n" }.joined(), builtInList: "")
    }

    @Test(
        "What is built in is seen by its traces in the kernel",
        arguments: [
            (share + "virtio-ports", shared), (share, HostInterface(files: .shared, streams: .serial)),
            ("virtio-ports", packed),
            ("virtio-pci 9pnet_virtio virtio-ports", packed), ("9pnet_virtio Installing v9fs", packed), ("", packed),
        ])
    func builtIn(text: String, expected: HostInterface) throws {
        let interface = try HostInterface(modules: KernelModules()) { () throws(LabError) in
            Array("ELF \(text) end".utf8)
        }
        #expect(interface == expected)
    }

    @Test("modules decide without unpacking the kernel")
    func modulesDecide() throws {
        let interface = try HostInterface(modules: modules(HostKernel.rootModules)) { () throws(LabError) in
            throw .kernel("it was asked")
        }
        #expect(interface == Self.shared)
    }

    @Test func modulesAndBuiltInDriversCompleteEachOther() throws {
        let interface = try HostInterface(modules: modules(["9p", "9pnet_virtio", "virtio_console"])) {
            () throws(LabError) in
            Array("virtio-pci".utf8)
        }
        #expect(interface == Self.shared)
    }

    @Test("a kernel that can't be read counts as one without drivers")
    func unreadableKernel() throws {
        #expect(try HostInterface(modules: KernelModules()) { () throws(LabError) in nil } == Self.packed)
    }

    @Test("A gzipped bzImage is searched", arguments: [(share, true), ("no such driver", false)])
    func bzImage(text: String, isShared: Bool) throws {
        let directory = try Host.Directory()
        try directory.write("kernel", String(repeating: "x", count: 5000) + text)
        _ = try Host.run("gzip -nc '\(directory.path)/kernel' > '\(directory.path)/packed'")
        let packed = try HostFile.contents("\(directory.path)/packed")
        var image = [UInt8](repeating: 0, count: 0x1000)
        image[0x1f1] = 4
        image.replaceSubrange(0x202..<0x208, with: Array("HdrS".utf8) + [0x0f, 0x02])
        image.replaceSubrange(0x20e..<0x210, with: [0x00, 0x01])
        image.replaceSubrange(0x300..<0x306, with: Array("4.4.0 ".utf8))
        let length = UInt32(packed.count)
        image.replaceSubrange(0x248..<0x24c, with: [0x00, 0x06, 0, 0])
        image.replaceSubrange(0x24c..<0x250, with: (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
        try directory.write("bzImage", image + packed)

        let kernel = try HostKernel.at("\(directory.path)/bzImage", modules: nil, root: directory.path)
        #expect(try kernel.version == "4.4.0")
        let programs = HostPrograms(path: Host.path)
        let interface = try HostInterface(modules: kernel.modules) { () throws(LabError) in
            try LabError.wording { () throws(HostSystemError) in try kernel.unpacked(programs) }
        }
        #expect(interface == (isShared ? HostInterface(files: .shared, streams: .serial) : Self.packed))
    }

    @Test("Debian's kernel has none of the drivers built in", .enabled(if: Host.hasLab && Host.has("xz")))
    func debian() throws {
        let kernel = HostKernel(path: try HostKernel.newest().path, modules: KernelModules())
        let programs = HostPrograms(path: Host.path)
        let interface = try HostInterface(modules: kernel.modules) { () throws(LabError) in
            let image = try LabError.wording { () throws(HostSystemError) in try kernel.unpacked(programs) }
            #expect(image.flatMap(ELFProbe.linuxVersion) != nil)
            return image
        }
        #expect(interface == Self.packed)
    }
}
