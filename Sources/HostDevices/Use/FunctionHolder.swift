import Glibc
public import PCI

/// The owner that keeps KVM from taking a function. `KVM_ASSIGN_PCI_DEVICE` returns EBUSY both for a driver of the host
/// and for another virtual machine, since both have requested its ranges (`pci_request_regions` in
/// virt/kvm/assigned-dev.c of Linux 4.4).
public enum FunctionHolder {
    /// Returns one sentence with a remedy.
    public static func words(_ address: PCIAddress, tree: HostFilesystem) -> String {
        if let driver = tree.driver(of: address), DriverBinding.Holder(rawValue: driver) == nil {
            return "the host driver \(driver) holds its ranges: swiftlet devices bind --driver pci-stub \(address)"
        }
        let opened = DeviceUse.all(of: address, tree: tree).first { if case .opened = $0 { true } else { false } }
        if let opened { return "\(opened): \(opened.fix)" }
        let machines = machines(tree)
        return "no driver of the host has it, so another virtual machine does, which must end first"
            + (machines.isEmpty
                ? "" : ": \(machines.joined(separator: ", ")) \(machines.count == 1 ? "runs one" : "run some")")
    }

    /// Returns other processes with a virtual machine; only root sees those of other users.
    private static func machines(_ tree: HostFilesystem) -> [String] {
        tree.names(in: "proc").compactMap { name in
            guard let process = Int32(name), process != getpid(),
                tree.names(in: "proc/\(name)/fd").contains(where: {
                    tree.linkTarget("proc/\(name)/fd/\($0)") == "anon_inode:kvm-vm"
                })
            else { return nil }
            return "process \(process) (\((try? tree.text("proc/\(name)/comm")) ?? "?"))"
        }
    }
}
