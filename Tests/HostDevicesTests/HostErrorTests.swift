import LinuxSystem
import PCI
import Testing

@testable import HostDevices

/// The sentences about a function that can't be passed to a guest or bound to a driver, word for word.
struct HostErrorTests {
    private static let nic = PCIAddress(requesterID: 0x0300)
    private static let call = SystemCallError(
        call: "write", object: "/sys/bus/pci/drivers_probe", errno: .permissionDenied)

    private static func member(_ name: String, driver: String?, isPartOfHost: Bool = false) -> IOMMUGroup.Member {
        IOMMUGroup.Member(
            name: name, address: nil, driver: driver, isBridge: false, isPartOfHost: isPartOfHost, isHeldByVFIO: false)
    }

    @Test func ofAFunctionThatIsNotReady() {
        let (nic, call) = (Self.nic, Self.call)
        let candidate = DeviceNotReady.Candidate(address: PCIAddress(requesterID: 0x0400), name: "a NIC")
        let sentences: [(DeviceNotReady, String)] = [
            (
                .notFound(nic, candidates: []),
                "there is no PCI function 0000:03:00.0 on this host; swiftlet devices lists them"
            ),
            (
                .notFound(nic, candidates: [candidate]),
                "there is no PCI function 0000:03:00.0 on this host; did you mean 0000:04:00.0 (a NIC)?"
            ),
            (
                .isBridge(nic),
                """
                0000:03:00.0 is a bridge, and bridges stay with the host; name the function behind it: swiftlet \
                devices lists them
                """
            ),
            (
                .hasNoIOMMUGroup(nic, cause: .kernelParameter("intel_iommu=on")),
                """
                0000:03:00.0 has no IOMMU group: the host's IOMMU is off; boot the host with the kernel parameter \
                intel_iommu=on
                """
            ),
            (
                .hasNoIOMMUGroup(nic, cause: .firmware(setting: "VT-d")),
                "0000:03:00.0 has no IOMMU group: the host's IOMMU is off; enable VT-d in the firmware's set-up"
            ),
            (
                .hasNoIOMMUGroup(nic, cause: .virtualMachine),
                """
                0000:03:00.0 has no IOMMU group: the host's IOMMU is off; this host is a virtual machine: give it a \
                virtual IOMMU (QEMU: -device intel-iommu)
                """
            ),
            (
                .hasNoIOMMUGroup(nic, cause: .notCovered),
                """
                0000:03:00.0 has no IOMMU group: the host's IOMMU does not cover it; choose another device: swiftlet \
                devices shows which have a group
                """
            ),
            (
                .isNotBound(nic, driver: "e1000e"),
                "0000:03:00.0 is bound to the host driver e1000e; swiftlet devices bind 0000:03:00.0"
            ),
            (
                .isNotBound(nic, driver: nil),
                "0000:03:00.0 is bound to no driver, not even vfio-pci; swiftlet devices bind 0000:03:00.0"
            ),
            (
                .isHeld(nic, driver: "e1000e"),
                """
                0000:03:00.0 is bound to the host driver e1000e; swiftlet devices bind --driver pci-stub 0000:03:00.0
                """
            ),
            (
                .groupIsNotViable(nic, group: 7, culprits: [Self.member("0000:03:00.1", driver: "ahci")]),
                """
                0000:03:00.0 shares IOMMU group 7 with 0000:03:00.1, which is bound to the host driver ahci; swiftlet \
                devices bind 0000:03:00.1
                """
            ),
            (
                .groupIsNotViable(
                    nic, group: 7, culprits: [Self.member("0000:00:1f.0", driver: "lpc", isPartOfHost: true)]),
                """
                0000:03:00.0 shares IOMMU group 7 with 0000:00:1f.0, which is bound to the host driver lpc; choose a \
                device of another group: 0000:00:1f.0 must stay with the host
                """
            ),
            (
                .nodeIsMissing(path: "/dev/vfio/vfio", hasDeviceNodes: false),
                "/dev/vfio/vfio is missing; modprobe vfio-pci"
            ),
            (
                .nodeIsMissing(path: "/dev/vfio/7", hasDeviceNodes: true),
                """
                /dev/vfio/7 is missing; this kernel has VFIO device files and no groups: run one with \
                CONFIG_VFIO_GROUP
                """
            ),
            (
                .nodeIsMissing(path: "/dev/vfio/7", hasDeviceNodes: false),
                """
                /dev/vfio/7 is missing; in a container, pass it in (--device /dev/vfio/7); elsewhere udev makes it \
                once vfio-pci has the device
                """
            ),
            (
                .nodeIsForbidden(path: "/dev/vfio/7", owner: "root:root", mode: 0o600),
                """
                this user may not open /dev/vfio/7 (owner root:root, mode 0600); sudo chown "$USER" /dev/vfio/7, or \
                for good a udev rule: SUBSYSTEM=="vfio", GROUP="kvm", MODE="0660"
                """
            ),
            (
                .groupIsOpen(path: "/dev/vfio/7", by: []),
                "/dev/vfio/7 is open in another process; end it (as root, `swiftlet devices doctor` names it)"
            ),
            (
                .groupIsOpen(path: "/dev/vfio/7", by: [.opened(process: 12, name: "qemu")]),
                "/dev/vfio/7 is in use: process 12 (qemu) has it open; end process 12"
            ),
            (
                .nodeIsUnusable(call),
                """
                write on /sys/bus/pci/drivers_probe: Permission denied; see the kernel's log: dmesg | grep -i vfio
                """
            ),
            (
                .lockedMemoryIsLimited(needed: 256 << 20, limit: 64 << 10),
                """
                the guest's memory must be pinned: that takes 256 MiB of locked memory and this process may lock \
                64 KiB; ulimit -l 262144 (as root, or LimitMEMLOCK= of systemd, or memlock in \
                /etc/security/limits.conf), or give the guest less memory
                """
            ),
            (
                .memoryIsShort(needed: 256 << 20, available: 100 << 20),
                """
                the guest's memory must be pinned: that takes 256 MiB and the host has 100 MiB left; give the guest \
                less memory, or end what takes the host's
                """
            ),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }

    @Test func ofABinding() {
        let (nic, call) = (Self.nic, Self.call)
        let readOnly = SystemCallError(call: "open", object: "/sys", errno: .readOnlyFileSystem)
        let sentences: [(DriverBindingError, String)] = [
            (.notFound(nic), "there is no PCI function 0000:03:00.0 on this host; swiftlet devices lists them"),
            (.isBridge(nic), "0000:03:00.0 is a bridge, and bridges stay with the host"),
            (
                .isPartOfHost(nic),
                "0000:03:00.0 is a bridge, and bridges stay with the host; --force takes it all the same"
            ),
            (.driverIsNotLoaded("vfio-pci"), "the driver vfio-pci is not loaded; modprobe vfio-pci"),
            (
                .isInUse(nic, .interfaceUp("eth0")),
                "0000:03:00.0 is in use: its network interface eth0 is up; ip link set eth0 down, or use --force"
            ),
            (
                .isInUse(nic, .defaultRoute("eth0")),
                """
                0000:03:00.0 is in use: the host's default route goes by its network interface eth0; choose another \
                device, or use --force
                """
            ),
            (
                .isInUse(nic, .claimed(device: "/dev/sda")),
                "0000:03:00.0 is in use: its disk /dev/sda is in use; see what holds it: lsblk /dev/sda, or use --force"
            ),
            (
                .isInUse(nic, .mounted(device: "/dev/sda1", at: "/")),
                "0000:03:00.0 is in use: its disk /dev/sda1 is in use at /; choose another device, or use --force"
            ),
            (
                .isInUse(nic, .mounted(device: "/dev/sda2", at: "swap")),
                "0000:03:00.0 is in use: its disk /dev/sda2 is in use at swap; swapoff, or use --force"
            ),
            (
                .isInUse(nic, .mounted(device: "/dev/sda3", at: "/srv")),
                "0000:03:00.0 is in use: its disk /dev/sda3 is in use at /srv; umount /srv, or use --force"
            ),
            (
                .isNotPermitted(readOnly),
                """
                a device's driver can't be changed here (open on /sys: Read-only file system); in a container, run \
                the same on its host
                """
            ),
            (
                .isNotPermitted(call),
                """
                changing a device's driver takes root (write on /sys/bus/pci/drivers_probe: Permission denied); run \
                the same with sudo
                """
            ),
            (
                .failed(nic, call),
                """
                the kernel refused to move 0000:03:00.0 to another driver (write on /sys/bus/pci/drivers_probe: \
                Permission denied); dmesg may say why
                """
            ),
            (
                .wasNotTaken(nic, by: "vfio-pci", has: nil, hasIOMMUGroup: false),
                """
                vfio-pci did not take 0000:03:00.0, which has no IOMMU group; swiftlet devices doctor 0000:03:00.0 \
                says how to switch the IOMMU on
                """
            ),
            (
                .wasNotTaken(nic, by: "vfio-pci", has: "e1000e", hasIOMMUGroup: true),
                "vfio-pci did not take 0000:03:00.0, which is now with the driver e1000e; dmesg may say why"
            ),
            (
                .wasNotTaken(nic, by: "pci-stub", has: nil, hasIOMMUGroup: false),
                "pci-stub did not take 0000:03:00.0, which is now with no driver; dmesg may say why"
            ),
            (
                .couldNotBePutBack(.isBridge(nic), after: .driverIsNotLoaded("vfio-pci")),
                """
                the driver vfio-pci is not loaded; modprobe vfio-pci; and after that, putting things back failed: \
                0000:03:00.0 is a bridge, and bridges stay with the host
                """
            ),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }
}
