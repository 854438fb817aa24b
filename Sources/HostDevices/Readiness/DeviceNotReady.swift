public import LinuxSystem
public import PCI

/// The reason why a function can't be passed to a guest now. Each case has a description and a remedy.
public enum DeviceNotReady: Error, Equatable {
    /// No function has the address.
    case notFound(PCIAddress, candidates: [Candidate])
    /// The function is a bridge, which connects the host's buses.
    case isBridge(PCIAddress)
    /// No IOMMU covers the function.
    case hasNoIOMMUGroup(PCIAddress, cause: MissingIOMMU)
    /// A driver of the host has it; nil: no driver has it.
    case isNotBound(PCIAddress, driver: String?)
    /// A driver of the host has it, but KVM's own assignment requires no driver or pci-stub.
    case isHeld(PCIAddress, driver: String)
    /// Others of its IOMMU group are bound to drivers of the host.
    case groupIsNotViable(PCIAddress, group: Int, culprits: [IOMMUGroup.Member])
    /// A file of VFIO is missing.
    case nodeIsMissing(path: String, hasDeviceNodes: Bool)
    /// This user may not open a file of VFIO.
    case nodeIsForbidden(path: String, owner: String, mode: UInt32)
    /// Another process has the group open.
    case groupIsOpen(path: String, by: [DeviceUse])
    /// A file of VFIO can't be opened for another reason.
    case nodeIsUnusable(SystemCallError)
    /// The guest's memory can't be pinned as a whole.
    case lockedMemoryIsLimited(needed: UInt64, limit: UInt64)
    /// The host has too little free memory to pin.
    case memoryIsShort(needed: UInt64, available: UInt64)

    /// A function that may have been meant.
    public struct Candidate: Sendable, Equatable {
        public let address: PCIAddress
        public let name: String
    }

    /// The reason why the IOMMU is off.
    public enum MissingIOMMU: Sendable, Equatable {
        /// The firmware describes an IOMMU that the kernel does not use; this kernel parameter changes that.
        case kernelParameter(String)
        /// The firmware describes none: it is disabled in the setup (this is its name there), or does not exist.
        case firmware(setting: String)
        /// This host is itself a virtual machine without a virtual IOMMU.
        case virtualMachine
        /// The host has an IOMMU, but it does not cover this function.
        case notCovered
    }

    /// The description, without a full stop.
    public var problem: String {
        switch self {
        case .notFound(let address, _): "there is no PCI function \(address) on this host"
        case .isBridge(let address): "\(address) is a bridge, and bridges stay with the host"
        case .hasNoIOMMUGroup(let address, .notCovered):
            "\(address) has no IOMMU group: the host's IOMMU does not cover it"
        case .hasNoIOMMUGroup(let address, _): "\(address) has no IOMMU group: the host's IOMMU is off"
        case .isNotBound(let address, let driver?): "\(address) is bound to the host driver \(driver)"
        case .isNotBound(let address, nil): "\(address) is bound to no driver, not even vfio-pci"
        case .isHeld(let address, let driver): "\(address) is bound to the host driver \(driver)"
        case .groupIsNotViable(let address, let group, let culprits):
            "\(address) shares IOMMU group \(group) with "
                + Self.list(culprits.map { "\($0.name), which is bound to the host driver \($0.driver ?? "?")" })
        case .nodeIsMissing(let path, _): "\(path) is missing"
        case .nodeIsForbidden(let path, let owner, let mode):
            "this user may not open \(path) (owner \(owner), mode \(Self.octal(mode)))"
        case .groupIsOpen(let path, let users):
            users.isEmpty
                ? "\(path) is open in another process" : "\(path) is in use: " + Self.list(users.map { $0.description })
        case .nodeIsUnusable(let error): "\(error)"
        case .lockedMemoryIsLimited(let needed, let limit):
            """
            the guest's memory must be pinned: that takes \(Self.mebibytes(needed)) of locked memory and this \
            process may lock \(Self.mebibytes(limit))
            """
        case .memoryIsShort(let needed, let available):
            """
            the guest's memory must be pinned: that takes \(Self.mebibytes(needed)) and the host has \
            \(Self.mebibytes(available)) left
            """
        }
    }

    /// The remedy: a command, or a description. Without a full stop.
    public var fix: String {
        switch self {
        case .notFound(_, let candidates):
            candidates.isEmpty
                ? "swiftlet devices lists them"
                : "did you mean " + Self.alternatives(candidates.map { "\($0.address) (\($0.name))" }) + "?"
        case .isBridge: "name the function behind it: swiftlet devices lists them"
        case .hasNoIOMMUGroup(_, .kernelParameter(let parameter)):
            "boot the host with the kernel parameter \(parameter)"
        case .hasNoIOMMUGroup(_, .firmware(let setting)): "enable \(setting) in the firmware's set-up"
        case .hasNoIOMMUGroup(_, .virtualMachine):
            "this host is a virtual machine: give it a virtual IOMMU (QEMU: -device intel-iommu)"
        case .hasNoIOMMUGroup(_, .notCovered): "choose another device: swiftlet devices shows which have a group"
        case .isNotBound(let address, _): "swiftlet devices bind \(address)"
        case .isHeld(let address, _): "swiftlet devices bind --driver pci-stub \(address)"
        case .groupIsNotViable(_, _, let culprits):
            culprits.contains { $0.isPartOfHost }
                ? "choose a device of another group: "
                    + Self.list(culprits.filter { $0.isPartOfHost }.map { $0.name }) + " must stay with the host"
                : "swiftlet devices bind " + culprits.map { $0.name }.joined(separator: " ")
        case .nodeIsMissing(let path, _) where path.hasSuffix("/vfio"): "modprobe vfio-pci"
        case .nodeIsMissing(_, hasDeviceNodes: true):
            "this kernel has VFIO device files and no groups: run one with CONFIG_VFIO_GROUP"
        case .nodeIsMissing(let path, _):
            "in a container, pass it in (--device \(path)); elsewhere udev makes it once vfio-pci has the device"
        case .nodeIsForbidden(let path, _, _):
            "sudo chown \"$USER\" \(path), or for good a udev rule: SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\""
        case .groupIsOpen(_, let users):
            users.first?.fix ?? "end it (as root, `swiftlet devices doctor` names it)"
        case .nodeIsUnusable: "see the kernel's log: dmesg | grep -i vfio"
        case .lockedMemoryIsLimited(let needed, _):
            """
            ulimit -l \((needed + 1023) / 1024) (as root, or LimitMEMLOCK= of systemd, or memlock in \
            /etc/security/limits.conf), or give the guest less memory
            """
        case .memoryIsShort: "give the guest less memory, or end what takes the host's"
        }
    }

    /// The same remedy as shell commands, one per line; empty if there is none.
    public var rawCommands: [String] {
        switch self {
        case .isNotBound(let address, let driver): Self.bindCommands("\(address)", to: .vfioPCI, isBound: driver != nil)
        case .isHeld(let address, _): Self.bindCommands("\(address)", to: .pciStub, isBound: true)
        case .groupIsNotViable(_, _, let culprits) where !culprits.contains { $0.isPartOfHost }:
            culprits.flatMap { Self.bindCommands($0.name, to: .vfioPCI, isBound: true) }
        default: []
        }
    }

    private static func bindCommands(_ name: String, to holder: DriverBinding.Holder, isBound: Bool) -> [String] {
        let folder = "/sys/bus/pci/devices/\(name)"
        return ["echo \(holder.rawValue) > \(folder)/driver_override"]
            + (isBound ? ["echo \(name) > \(folder)/driver/unbind"] : [])
            + ["echo \(name) > /sys/bus/pci/drivers_probe"]
    }

    private static func list(_ items: [String]) -> String { items.joined(separator: ", and ") }
    private static func alternatives(_ items: [String]) -> String { items.joined(separator: " or ") }
    private static func octal(_ mode: UInt32) -> String { "0" + String(mode & 0o7777, radix: 8) }

    private static func mebibytes(_ bytes: UInt64) -> String {
        bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }
}

extension DeviceNotReady: CustomStringConvertible {
    /// Description and remedy as one sentence.
    public var description: String { "\(problem); \(fix)" }
}
