import HostDevices
import KVM
import LinuxSystem
public import PCI
import VFIO
public import VMM

/// VFIO for one machine: one container with guest memory mapped for DMA, and the groups of its devices.
public final class VFIOHost {
    private let machine: Machine
    private let routes: MessageRoutes
    private var container: VFIOContainer?
    private var groups: [Int: VFIOGroup] = [:]
    private var registered: Set<Int> = []
    /// KVM's VFIO device, which gets every group. A VM has at most one.
    private let registry: Registry

    private final class Registry {
        var device: DeviceControl?
    }

    public init(_ machine: Machine) {
        self.machine = machine
        routes = machine.messageRoutes
        registry = Registry()
    }

    /// Opens a function in the order that VFIO requires: container, group, IOMMU, memory, KVM, device.
    /// - Throws: `.unfit` if it has no IOMMU group, otherwise VFIO's error.
    public func open(_ function: PCIAddress, delivery: MessageDelivery) throws(AssignmentError) -> VFIOBackend {
        let address = function.description
        guard let group = HostFilesystem().iommuGroup(of: function) else {
            throw .unfit(address, reason: "it is in no IOMMU group any more")
        }
        let device: VFIODevice
        do throws(VFIOError) {
            if groups[group] == nil {
                let joined = try join(group)
                groups[group] = joined
            }
        } catch {
            throw .vfio(address, error)
        }
        guard let joined = groups[group] else {
            throw .unfit(address, reason: "its IOMMU group \(group) can't be found again")
        }
        if registered.insert(group).inserted { try register(joined, address) }
        do throws(VFIOError) { device = try joined.openDevice(address) } catch { throw .vfio(address, error) }
        let end = machine.end
        return try VFIOBackend(device, vm: machine.vm, delivery: delivery, routes: routes, run: machine.runState) {
            end(.hostFailure($0))
        }
    }

    /// Adds a group to the container; the first one adds the IOMMU, and then the guest's memory: every RAM slot and
    /// nothing else.
    private func join(_ number: Int) throws(VFIOError) -> VFIOGroup {
        if let container { return try VFIOGroup(number, in: container) }
        let fresh = try VFIOContainer(kernel: machine.vm.kernel)
        let group = try VFIOGroup(number, in: fresh)
        try fresh.enableIOMMU()
        for region in machine.memory.regions {
            try fresh.mapDMA(
                busAddress: region.guestAddress, memory: machine.memory.hostAddress(of: region), count: region.count)
        }
        container = fresh
        return group
    }

    /// Registers a group with KVM's VFIO device; Documentation/virt/kvm/devices/vfio.rst, KVM_DEV_VFIO_GROUP_ADD.
    /// Optional on x86: hosts without the device type work without it.
    private func register(_ group: VFIOGroup, _ address: String) throws(AssignmentError) {
        do throws(KVMError) {
            if registry.device == nil, machine.vm.canMakeDevice(.vfio) {
                registry.device = try machine.vm.makeDevice(.vfio)
            }
            try registry.device?.set(group: 1, attribute: 1, group.raw)
        } catch {
            throw .kvm(address, error)
        }
    }
}
