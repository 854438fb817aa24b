public import HostDevices
public import KVM
import LinuxSystem
public import VMM
public import PCI

/// Legacy assignment for one machine: checks that KVM offers it, and opens functions.
public final class LegacyHost {
    private let vm: VirtualMachine
    private let routes: MessageRoutes
    private let tree: HostFilesystem

    /// - Parameters:
    ///   - routes: those of the whole machine.
    ///   - tree: this host, or a mock tree.
    public init(_ vm: VirtualMachine, routes: MessageRoutes, tree: HostFilesystem = HostFilesystem()) {
        self.vm = vm
        self.routes = routes
        self.tree = tree
    }

    /// Checks, before anything is changed, that an interface can do what is required. VFIO can.
    /// - Throws: `.unfit` with the reason and an alternative.
    public static func demand(
        _ interface: AssignmentInterface, on vm: VirtualMachine, for address: PCIAddress, delivery: MessageDelivery?
    ) throws(AssignmentError) {
        guard interface == .kvm else { return }
        let name = address.description
        guard vm.check(.assignDeviceIRQ) > 0 else { throw .unfit(name, reason: AssignmentInterface.absence()) }
        guard vm.check(.iommu) > 0 else {
            throw .unfit(
                name,
                reason:
                    """
                    the host's IOMMU is off: boot the host with intel_iommu=on or amd_iommu=on, and enable it in \
                    the firmware
                    """
            )
        }
        guard address.segment == 0 || vm.check(.pciSegment) > 0 && address.segment <= UInt16.max else {
            throw .unfit(name, reason: "this host's KVM assigns functions of segment 0 only")
        }
        if let delivery {
            throw .unfit(
                name,
                reason:
                    """
                    msi=\(delivery) is VFIO's: KVM's own assignment leads messages through routes in the kernel; \
                    leave msi= out
                    """
            )
        }
    }

    /// Assigns a function that passed `demand`.
    public func open(_ address: PCIAddress) throws(AssignmentError) -> LegacyBackend {
        let name = address.description
        let function: HostPCIFunction
        do throws(HostPCI.Unreadable) {
            guard let found = try HostPCI(tree: tree).function(at: address) else {
                throw HostPCI.Unreadable(reason: "\(name) went away meanwhile")
            }
            function = found
        } catch {
            throw .unfit(name, reason: "\(error)")
        }
        do throws(AssignmentError) {
            return try backend(address, function)
        } catch .legacy(let error) where error.isHeld {
            throw .legacy(PCIAssignmentError(error: error.error, holder: FunctionHolder.words(address, tree: tree)))
        }
    }

    private func backend(_ address: PCIAddress, _ function: HostPCIFunction) throws(AssignmentError) -> LegacyBackend {
        let name = address.description
        let tree = tree
        return try LegacyBackend(
            PCIAssignment(
                vm, address: name, segment: UInt16(truncatingIfNeeded: address.segment), bus: address.bus,
                deviceFunction: UInt8(truncatingIfNeeded: address.requesterID)),
            SysfsFunction(function, tree: tree, kernel: vm.kernel),
            hasINTx: function.interruptPin != nil && function.irq != nil,
            hasMaskCall: vm.check(.pci23) > 0, routes: routes
        ) {
            // The last resort; most functions have the file, and there is no other way for the rest.
            try? tree.write("1", to: "\(HostFilesystem.folder(address))/reset")
        }
    }
}
