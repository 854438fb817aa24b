import Testing

@testable import Lab

struct QEMUCommandLineTests {
    private func arguments(
        _ devices: [LabDevice], directory: String = "/work", kernel: String = "/vmlinux",
        _ interface: HostInterface = HostInterface(files: .shared, streams: .virtio)
    ) -> [String] {
        var configuration = LabConfiguration(command: ["true"], currentDirectory: directory)
        configuration.devices = devices
        return QEMUCommandLine(configuration: configuration, interface: interface, kernel: kernel).arguments
    }

    /// The words that follow an option.
    private func values(_ option: String, _ arguments: [String]) -> [String] {
        zip(arguments, arguments.dropFirst()).filter { $0.0 == option }.map(\.1)
    }

    @Test func devicesSitInTheOrderGiven() {
        let devices = values(
            "-device", arguments([.init(.pci, "edu"), .init(.nic, "e1000e"), .init(.pci, "qemu-xhci")]))
        #expect(devices.contains("edu,bus=pcie.0,addr=0x4"))
        #expect(devices.contains("e1000e,bus=pcie.0,addr=0x5,netdev=net1,romfile="))
        #expect(devices.contains("qemu-xhci,bus=pcie.0,addr=0x6"))
        #expect(LabDevice.address(ofDevice: 0) == "0000:00:04.0")
        #expect(LabDevice.address(ofDevice: 12) == "0000:00:10.0")
    }

    @Test func everyNICHasItsOwnNetwork() {
        let networks = values("-netdev", arguments([.init(.nic, "e1000e"), .init(.pci, "edu"), .init(.nic, "e1000")]))
        #expect(networks == ["user,id=net0,restrict=on", "user,id=net2,restrict=on"])
    }

    @Test func virtioDevicesGoThroughTheIOMMU() {
        let devices = values("-device", arguments([.init(.nic, "virtio-net-pci")]))
        #expect(
            devices.contains(
                "virtio-net-pci,bus=pcie.0,addr=0x4,netdev=net0,romfile=,iommu_platform=on,disable-legacy=on"))
    }

    @Test func drivesShareAFile() {
        let line = arguments([.init(.pci, "nvme"), .init(.pci, "edu"), .init(.pci, "nvme")])
        #expect(values("-device", line).contains("nvme,bus=pcie.0,addr=0x6,drive=drive2,serial=lab2"))
        let drives = values("-blockdev", line)
        #expect(drives.count == 2)
        #expect(drives.last?.contains("offset=\(QEMUCommandLine.driveSize),size=\(QEMUCommandLine.driveSize),") == true)
    }

    @Test func propertiesGivenComeLastAndSoPrevail() throws {
        let device = try LabDevice(.nic, parsing: "e1000e,mac=52:54:00:00:00:01,addr=9")
        let expected = "e1000e,bus=pcie.0,addr=0x4,netdev=net0,romfile=,mac=52:54:00:00:00:01,addr=9"
        #expect(values("-device", arguments([device])).last == expected)
    }

    @Test("a host with serial streams has four ports with an interrupt each")
    func serialPorts() {
        let line = arguments([], HostInterface(files: .shared, streams: .serial))
        #expect(values("-serial", line) == ["chardev:console", "chardev:control"])
        let ports = values("-device", line).filter { $0.hasPrefix("isa-serial") }
        #expect(ports == ["isa-serial,index=2,irq=5,chardev=output", "isa-serial,index=3,irq=7,chardev=error"])
        #expect(values("-fsdev", line).count == 2)
        #expect(!values("-device", line).contains { $0.hasPrefix("virtio-serial") || $0.hasPrefix("virtserial") })
    }

    @Test func aHostWithPackedFilesSharesNone() {
        let line = arguments([.init(.pci, "edu")], HostInterface(files: .packed, streams: .serial))
        #expect(values("-fsdev", line) == [])
        #expect(values("-device", line).last == "edu,bus=pcie.0,addr=0x4")
    }

    @Test func theProcessorsAreOfTheModelAskedFor() {
        var configuration = LabConfiguration(command: ["true"], currentDirectory: "/work")
        configuration.cpuModel = "qemu64,+svm,+npt"
        let interface = HostInterface(files: .packed, streams: .serial)
        let line = QEMUCommandLine(configuration: configuration, interface: interface, kernel: "/k").arguments
        #expect(values("-cpu", line) == ["qemu64,+svm,+npt"])
    }

    @Test func aCommaInAPathIsDoubled() {
        #expect(values("-fsdev", arguments([], directory: "/a,b")).contains { $0.contains("path=/a,,b,") })
    }

    @Test func aKernelWithoutANameIsInherited() {
        #expect(
            values("-kernel", arguments([], kernel: "")) == [
                "/proc/self/fd/\(QEMUCommandLine.Descriptor.kernel.rawValue)"
            ])
    }

    @Test(
        "A text that names no device is refused",
        arguments: ["", ",mac=1", "mac=1", "e1000e,mac", "e1000e,=1", "e1000e,"])
    func badDevices(text: String) {
        #expect(throws: LabError.self) { try LabDevice(.nic, parsing: text) }
    }

    @Test func nonsenseIsRefused() throws {
        func check(_ change: (inout LabConfiguration) -> Void) -> Bool {
            var configuration = LabConfiguration(command: ["true"], currentDirectory: "/work")
            change(&configuration)
            do throws(LabError) { try configuration.validate() } catch { return error.exitStatus == 64 }
            return false
        }
        #expect(!check { _ in })
        #expect(check { $0.command = [] })
        #expect(check { $0.currentDirectory = "/" })
        #expect(check { $0.memoryMiB = 64 })
        #expect(check { $0.cpus = 0 })
        #expect(check { $0.binding = .vfioPCI })
        #expect(check { $0.devices = Array(repeating: LabDevice(.pci, "edu"), count: 28) })
    }

    /// Kernels from Linux 7.2 on die where AVX is offered and XSAVE is not.
    @Test("the processor offers no feature whose requirements it lacks")
    func featureDependencies() {
        let words = LabConfiguration(command: ["true"], currentDirectory: "/tmp").cpuModel.split(separator: ",")
        #expect(words.contains("-xsave"))
        for name in ["avx", "avx2", "fma", "f16c", "xsaveopt", "xsavec", "xgetbv1"] {
            #expect(words.contains("-\(name)"), "\(name)")
        }
    }
}
