/// The arguments for QEMU as the lab's host. Pure: a configuration in, words out.
struct QEMUCommandLine: Sendable {
    /// The descriptors that QEMU inherits, by their purpose.
    enum Descriptor: Int32, CaseIterable, Sendable {
        /// Standard input and output, which QEMU doesn't use, and standard error, for its messages.
        case nothing, nowhere, complaints
        /// The host's first and second serial port.
        case console, control
        /// The command's streams: ports 1, 2 and 3 of a virtio console; or the third and fourth serial port, the input
        /// by way of `control`.
        case input, output, error
        case initramfs, kernel
        /// All drives, one after another.
        case drives
    }

    let configuration: LabConfiguration
    let interface: HostInterface
    /// The kernel's file; empty if it is descriptor `kernel`.
    let kernel: String

    /// The size in bytes of the temporary drive behind each NVMe controller.
    static let driveSize = 64 << 20

    /// Everything after the program's name.
    var arguments: [String] {
        platform + streams + fileSystems + configuration.devices.enumerated().flatMap { device($1, index: $0) } + [
            "-kernel", kernel.isEmpty ? Self.path(.kernel) : kernel,
            "-initrd", Self.path(.initramfs),
            "-append", kernelCommandLine,
        ]
    }

    /// QEMU 7.2 doesn't intercept XSETBV under SVM: with xsave the programs of a Linux guest in the lab would die of
    /// SIGSEGV. The split irqchip is required for the emulated IOMMU's interrupt remapping.
    private var platform: [String] {
        [
            "-M", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi", "-cpu", configuration.cpuModel,
            "-smp", "\(configuration.cpus + (keepsProgramsOffFirstCPU ? 1 : 0))", "-m", "\(configuration.memoryMiB)M",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-device",
            "intel-iommu,intremap=on,caching-mode=on",
        ]
    }

    private var streams: [String] {
        let sockets: [(String, Descriptor)] = [
            ("console", .console), ("control", .control), ("input", .input), ("output", .output), ("error", .error),
        ]
        var words = ["-serial", "chardev:console", "-serial", "chardev:control"]
        switch interface.streams {
        case .virtio:
            words += ["-device", "virtio-serial-pci,bus=pcie.0,addr=3"]
            for (number, name) in [(1, "input"), (2, "output"), (3, "error")] {
                words += ["-device", "virtserialport,chardev=\(name),nr=\(number),name=swiftlet.\(name)"]
            }
        case .serial:
            // Own interrupts: on an ISA bus they can't be shared with the first two ports.
            words += [
                "-device", "isa-serial,index=2,irq=5,chardev=output", "-device",
                "isa-serial,index=3,irq=7,chardev=error",
            ]
            // A kernel without other virtio drivers may also lack randomness of its own for minutes.
            words += ["-device", "virtio-rng-pci,bus=pcie.0,addr=3"]
        }
        return sockets.flatMap { ["-chardev", "socket,id=\($0.0),fd=\($0.1.rawValue)"] } + words
    }

    private var fileSystems: [String] {
        guard interface.files == .shared else { return [] }
        let directory = Self.escaped(configuration.currentDirectory)
        return [
            "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=root,mount_tag=root,bus=pcie.0,addr=1",
            "-fsdev", "local,id=work,path=\(directory),security_model=none,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=work,mount_tag=work,bus=pcie.0,addr=2",
        ]
    }

    private func device(_ device: LabDevice, index: Int) -> [String] {
        var words: [String] = []
        var properties = ["bus=pcie.0", "addr=0x\(String(LabDevice.slots.lowerBound + index, radix: 16))"]
        if device.kind == .nic {
            words += ["-netdev", "user,id=net\(index),restrict=on"]
            // No option ROM: the lab doesn't boot from a network, and QEMU's ROMs are a separate package.
            properties += ["netdev=net\(index)", "romfile="]
        }
        if device.model.hasPrefix("virtio-") {
            // Without these a virtio device bypasses the IOMMU.
            properties += ["iommu_platform=on", "disable-legacy=on"]
        }
        if device.model == "nvme" {
            let offset = Self.driveSize * configuration.devices[..<index].count { $0.model == "nvme" }
            words += [
                "-blockdev",
                """
                driver=raw,node-name=drive\(index),offset=\(offset),size=\(Self.driveSize),\
                file.driver=file,file.locking=off,
                """
                    + "file.filename=\(Self.path(.drives))",
            ]
            properties += ["drive=drive\(index)", "serial=lab\(index)"]
        }
        return words + ["-device", ([device.model] + properties + device.properties).joined(separator: ",")]
    }

    /// True if the host has one additional CPU, its first, which runs no programs.
    ///
    /// FXRSTOR on any CPU of QEMU's emulation rewrites a flag word of the first CPU (`cpu_clear_ignne`), without a
    /// lock. The same word holds two other flags: that CPU is within a guest, and nested paging is on. If the first CPU
    /// enters or leaves a guest at that time, it then runs the guest with its host's registers, or lets it write to its
    /// host's memory. So no guest may run on the first CPU if there is another one.
    private var keepsProgramsOffFirstCPU: Bool { configuration.cpus > 1 }

    /// The size of file `drives` in bytes.
    var drivesSize: Int { Self.driveSize * configuration.devices.count { $0.model == "nvme" } }

    /// The kernel's command line. Leaving out self-tests, zeroing, page protection and the NMI watchdog saves a second
    /// of emulation. One self-test can do harm: it expects ten timer interrupts while the TSC counts ten ticks, which
    /// depends on the processor time that QEMU's threads get on a loaded machine, and the kernel panics if it fails. An
    /// oops and a lockup cause a panic, and a panic ends QEMU, so that a crash of the lab's own kernel is recognized.
    private var kernelCommandLine: String {
        """
        console=ttyS0 quiet panic=-1 oops=panic intel_iommu=on mitigations=off cryptomgr.notests init_on_alloc=0 \
        rodata=off nmi_watchdog=0 \
        softlockup_panic=1 tsc=reliable no_timer_check\(keepsProgramsOffFirstCPU ? " isolcpus=0" : "")
        """
    }

    private static func path(_ descriptor: Descriptor) -> String {
        "/proc/self/fd/\(descriptor.rawValue)"
    }

    /// Doubles each comma in a value.
    private static func escaped(_ value: String) -> String {
        value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}
