/// The arguments by which QEMU becomes the lab's host. Pure: a configuration in, words out.
struct QEMUCommandLine: Sendable {
    /// The descriptors that QEMU inherits, by what they are for.
    enum Descriptor: Int32, CaseIterable, Sendable {
        /// Standard input and output, of which QEMU makes no use, and standard error, on which it complains.
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
    /// The kernel's file; empty where it is descriptor `kernel`.
    let kernel: String

    /// Bytes of the throw-away drive behind each NVMe controller.
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
    /// SIGSEGV. The split irqchip is what the emulated IOMMU remaps interrupts with.
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
            // Interrupts of their own: on an ISA bus they can't be shared with the first two.
            words += [
                "-device", "isa-serial,index=2,irq=5,chardev=output", "-device",
                "isa-serial,index=3,irq=7,chardev=error",
            ]
            // A kernel that lacks other virtio drivers may also be one that has no randomness of its own for minutes.
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
            // No option ROM: the lab boots from no network, and QEMU's ROMs are a package of their own.
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

    /// Whether the host has one CPU more than was asked for, its first, which runs no program.
    ///
    /// FXRSTOR on any CPU of QEMU's emulation rewrites a flag word of the first CPU (`cpu_clear_ignne`), unlocked. The
    /// same word holds whether that CPU is within a guest and whether nested paging is on: where the first CPU enters
    /// or leaves a guest meanwhile, it then runs the guest with its host's registers, or lets it write to its host's
    /// memory. So no guest may run there as long as there is another CPU.
    private var keepsProgramsOffFirstCPU: Bool { configuration.cpus > 1 }

    /// Bytes of file `drives`.
    var drivesSize: Int { Self.driveSize * configuration.devices.count { $0.model == "nvme" } }

    /// What is left out saves a second of emulation: self-tests, zeroing, page protection, the NMI watchdog. One
    /// self-test can do harm: whether ten timer interrupts come while the TSC counts ten ticks depends on how much of a
    /// loaded machine QEMU's threads get, and where they don't, the kernel panics. An oops is a panic, so is a CPU that
    /// stands still, and a panic ends QEMU, so that a crash of the lab's own kernel is known as one.
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

    /// A comma in a value is doubled.
    private static func escaped(_ value: String) -> String {
        value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}
