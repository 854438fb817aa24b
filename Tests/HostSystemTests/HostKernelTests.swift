import LinuxSystem
import Testing
import TestSupport

@testable import HostSystem

struct HostKernelTests {
    private static let list = """
        kernel/virt/lib/irqbypass.ko:
        kernel/arch/x86/kvm/kvm.ko: kernel/virt/lib/irqbypass.ko
        kernel/arch/x86/kvm/kvm-amd.ko: kernel/crypto/ccp.ko kernel/arch/x86/kvm/kvm.ko kernel/virt/lib/irqbypass.ko
        kernel/crypto/ccp.ko.xz:
        kernel/fs/9p/9p.ko.zst: kernel/net/9p/9pnet.ko
        kernel/net/9p/9pnet.ko:

        """
    private let modules = KernelModules(
        directory: "/m", dependencyList: list.replacing("crypto/ccp.ko kernel", with: "crypto/ccp.ko.xz kernel"),
        builtInList: "kernel/drivers/virtio/virtio_pci.ko\n")

    @Test func modulesComeAfterWhatTheyNeed() {
        #expect(
            modules.loadOrder(["kvm_amd", "9p", "kvm"]) == [
                "kernel/virt/lib/irqbypass.ko", "kernel/arch/x86/kvm/kvm.ko", "kernel/crypto/ccp.ko.xz",
                "kernel/arch/x86/kvm/kvm-amd.ko",
                "kernel/net/9p/9pnet.ko", "kernel/fs/9p/9p.ko.zst",
            ])
    }

    @Test func hyphenAndUnderscoreAreOne() {
        #expect(modules.loadOrder(["kvm-amd"]) == modules.loadOrder(["kvm_amd"]))
        #expect(modules.has("kvm-amd"))
        #expect(modules.has("kvm_amd"))
    }

    @Test func whatIsBuiltInIsThereAndNotLoaded() {
        #expect(modules.has("virtio-pci"))
        #expect(!modules.has("overlay"))
        #expect(modules.loadOrder(["virtio_pci", "overlay"]) == [])
    }

    @Test func aCircleOfDependenciesEnds() {
        let circle = KernelModules(directory: "/m", dependencyList: "a.ko: b.ko\nb.ko: a.ko\n", builtInList: "")
        #expect(circle.loadOrder(["a"]) == ["b.ko", "a.ko"])
    }

    @Test func signaturesAreTakenOff() {
        let marker = Array("~Module signature appended~\n".utf8)
        let description: [UInt8] = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
        #expect(ModuleFile.withoutSignature([1, 2] + [9, 9, 9] + description + marker) == [1, 2])
        #expect(ModuleFile.withoutSignature([1, 2, 3]) == [1, 2, 3])
        let lie = [1] + [0, 0, 2, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff] as [UInt8] + marker
        #expect(ModuleFile.withoutSignature(lie) == lie)
    }

    @Test(
        "Versions in order",
        arguments: [
            ("6.1.0-9-amd64", "6.1.0-56-amd64"), ("5.10.0-30", "6.1.0-1"), ("6.1", "6.1.1"), ("6.1.0", "6.1.0-1"),
        ])
    func versions(older: String, newer: String) {
        #expect(VersionOrder.precedes(older, newer))
        #expect(!VersionOrder.precedes(newer, older))
        #expect(!VersionOrder.precedes(newer, newer))
    }

    @Test func theNewestKernelThatCanServeIsTaken() throws {
        let directory = try Host.Directory()
        let complete = (HostKernel.rootModules + HostKernel.virtualizationModules).map { "kernel/\($0).ko:\n" }.joined()
        for (version, list) in [
            ("6.1.0-9", complete), ("6.1.0-10", complete), ("6.1.0-11", "kernel/9p.ko:\n"), ("6.1.0-12", nil),
        ] {
            try directory.write("boot/vmlinuz-\(version)", "")
            if let list { try directory.write("modules/\(version)/modules.dep", list) }
        }
        let kernel = try HostKernel.newest(boot: "\(directory.path)/boot", modules: "\(directory.path)/modules")
        #expect(kernel.path == "\(directory.path)/boot/vmlinuz-6.1.0-10")
        #expect(kernel.modules.directory == "\(directory.path)/modules/6.1.0-10")
    }

    @Test func whereNoneCanServeThePackageIsNamed() throws {
        let directory = try Host.Directory()
        for expected in ["a kernel \(directory.path)/boot/vmlinuz-* is missing", "vmlinuz-1 has no modules in"] {
            do throws(HostSystemError) {
                _ = try HostKernel.newest(boot: "\(directory.path)/boot", modules: "\(directory.path)/modules")
                Issue.record("there is none")
            } catch {
                #expect(
                    "\(error)".contains(expected),
                    "\(error)")
                #expect(
                    "\(error)".hasSuffix("apt-get install linux-image-amd64"),
                    "\(error)")
            }
            try directory.write("boot/vmlinuz-1", "")
        }
    }

    @Test("a bzImage has its version and the place of its kernel")
    func bzImage() throws {
        var image = [UInt8](repeating: 0, count: 0x3000)
        image[0x1f1] = 4
        image.replaceSubrange(0x202..<0x208, with: Array("HdrS".utf8) + [0x0f, 0x02])
        image.replaceSubrange(0x20e..<0x210, with: [0x00, 0x01])
        image.replaceSubrange(0x300..<0x30d, with: Array("6.1.0-test (x".utf8))
        image.replaceSubrange(0x248..<0x250, with: [0x00, 0x01, 0, 0, 0x40, 0, 0, 0])
        image.replaceSubrange(0xb00..<0xb06, with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
        image.replaceSubrange(0xb3c..<0xb40, with: [0x78, 0x56, 0x34, 0x02])
        let file = try TemporaryFile("image", contents: image)
        let parsed = try BzImage(file.descriptor, size: image.count)
        #expect(parsed?.version == "6.1.0-test")
        #expect(parsed?.payload == BzImage.Payload(range: 0xb00..<0xb3c, compression: .xz, size: 0x0234_5678))

        image[0x24d] = 0xff  // a length beyond the file's end
        let cut = try TemporaryFile("image", contents: image)
        #expect(try BzImage(cut.descriptor, size: image.count)?.payload == nil)
        let other = try TemporaryFile("other", contents: [UInt8](repeating: 7, count: 0x3000))
        #expect(try BzImage(other.descriptor, size: 0x3000)?.version == nil)
    }
}
