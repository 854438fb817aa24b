public import KVM

/// All of a machine that its guest can tell, as a value: memory, devices, PCI functions, interrupt controllers, timers,
/// clocks and vCPUs. Not in it: what the host keeps for its own ends, as counts, traces and the console's output.
public struct MachineState: Sendable {
    /// A device on the port bus or in memory, by what its claim is called, in the order of the claims.
    struct Device: Sendable, Equatable {
        let owner: String
        let state: DeviceState
    }

    let memory: MemoryState
    let devices: [Device]
    let bridge: PCIHostBridge.State
    /// By GSI: the slots whose functions assert the line.
    let lines: [UInt32: Set<Int>]
    let vm: VirtualMachineState
    let vcpus: [VirtualCPUState]
}

extension Machine {
    /// Copies the machine's state out. It is parked, or has not begun.
    /// - Parameter hypervisor: says which model-specific registers the host's KVM keeps.
    /// - Throws: where a function on the bus is passed through: its device's state is nobody's to copy.
    public func save(on hypervisor: borrowing Hypervisor) throws(StateError) -> MachineState {
        guard runState.isParked || workers.isEmpty else { throw .running }
        let bridgeState = try bridge.save()
        var devices: [MachineState.Device] = []
        for (owner, device) in savables { devices.append(.init(owner: owner, state: device.saved())) }
        do throws(KVMError) {
            // vCPUs first: asking whether one runs may take in what is on its way to its local APIC.
            let (indices, xsaveSize) = (try hypervisor.msrIndices(), vm.xsaveSize)
            var vcpuStates: [VirtualCPUState] = []
            for vcpu in vcpus { vcpuStates.append(try vcpu.state(msrs: indices, xsaveSize: xsaveSize)) }
            return MachineState(
                memory: memory.save(), devices: devices, bridge: bridgeState, lines: lines.mapValues { $0.save() },
                vm: try vm.state(), vcpus: vcpuStates)
        } catch {
            throw .kvm(error)
        }
    }

    /// Puts a state into this machine, which was configured, given functions and loaded as the one that it comes from,
    /// and has not begun.
    ///
    /// Memory comes first: model-specific registers name pages of it. Devices come before the interrupt controllers, in
    /// which raised lines leave their mark, and vCPUs last (KVM's clock is set before any of them runs).
    /// - Returns: model-specific registers that the host's KVM does not take back, with the vCPU's number.
    @discardableResult
    public func restore(_ state: MachineState) throws(StateError) -> [(vcpu: UInt32, msr: MSR)] {
        try restoreUntilVCPUs(state)
        var refused: [(vcpu: UInt32, msr: MSR)] = []
        do throws(KVMError) {
            for (vcpu, saved) in zip(vcpus, state.vcpus) {
                for msr in try vcpu.restore(saved) { refused.append((vcpu.number, msr)) }
            }
        } catch {
            throw .kvm(error)
        }
        return refused
    }

    /// All but the vCPUs.
    func restoreUntilVCPUs(_ state: MachineState) throws(StateError) {
        guard workers.isEmpty else { throw .running }
        guard state.vcpus.count == vcpus.count else { throw .differs("\(vcpus.count) vCPUs") }
        try memory.restore(state.memory)
        let parts = savables
        guard parts.map(\.owner) == state.devices.map(\.owner) else { throw .differs("the board") }
        for (part, saved) in zip(parts, state.devices) {
            try part.device.restore(saved: saved.state, of: part.owner)
        }
        try bridge.restore(state.bridge)
        guard Set(lines.keys) == Set(state.lines.keys) else { throw .differs("the PCI interrupt lines") }
        for (gsi, line) in lines { line.restore(state.lines[gsi] ?? []) }
        do throws(KVMError) { try vm.restore(state.vm) } catch { throw .kvm(error) }
    }

    /// The devices of both buses, each once.
    private var savables: [(owner: String, device: any Savable)] {
        var seen: Set<ObjectIdentifier> = []
        return (ports.savables + mmio.savables).filter { seen.insert(ObjectIdentifier($0.device)).inserted }
    }
}
