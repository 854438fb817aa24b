import Assignment
import HostDevices
import KVM
import LinuxSystem
import PCI
import PostMortem
import VMM

/// The passed-through functions of one run.
final class AssignedDevices {
    private struct Member {
        let option: DeviceOption
        let slot: Int
        let backend: any AssignmentBackend
        let interruptState: () -> DeviceInterrupts
        let refusals: () -> [Refusal]
    }

    private var members: [Member] = []
    private let vfio: VFIOHost
    private let legacy: LegacyHost
    /// Slots that some option requests by number.
    private let claimed: Set<Int>

    /// Checks every device before the first is changed, then opens each and puts it on the machine's bus.
    /// - Parameter notice: receives a sentence about an automatic choice that differs between hosts.
    init(_ options: [DeviceOption], on machine: Machine, notice: (String) -> Void) throws {
        vfio = VFIOHost(machine)
        legacy = LegacyHost(machine.vm, routes: machine.messageRoutes)
        claimed = Set(options.compactMap(\.slot))
        for (index, option) in options.enumerated()
        where options[..<index].contains(where: { $0.address == option.address }) {
            throw AssignmentError.repeated(option.address.description)
        }
        // Determined only if the user did not choose, and then once.
        lazy var preferred = AssignmentInterface.choose(isOffered: machine.vm.check(.assignDeviceIRQ) > 0)
        var interfaces: [AssignmentInterface] = []
        for option in options {
            let interface = option.interface ?? preferred
            try LegacyHost.demand(interface, on: machine.vm, for: option.address, delivery: option.delivery)
            try DeviceReadiness(interface).demand(
                option.address, guestMemory: machine.memory.count, isReserved: machine.configuration.hugePages)
            interfaces.append(interface)
            if option.interface == nil, interface == .kvm {
                notice(
                    """
                    \(option.address): passed by KVM's own assignment, since this host has no VFIO (backend=kvm \
                    says so outright)
                    """
                )
            }
        }
        do {
            for (option, interface) in zip(options, interfaces) {
                switch interface {
                case .group: try add(option, machine, vfio.open(option.address, delivery: option.delivery ?? .signal))
                case .kvm: try add(option, machine, legacy.open(option.address))
                }
            }
            do throws(PCIHostBridge.NoRoom) {
                try machine.bridge.placeBARs()
            } catch {
                let member = members.first { $0.slot == error.slot }
                throw AssignmentError.plug(member?.backend.address ?? "slot \(error.slot)", .noSpace(error.bar))
            }
        } catch {
            release()
            throw error
        }
    }

    private func add(_ option: DeviceOption, _ machine: Machine, _ backend: some AssignmentBackend) throws {
        let address = option.address.description
        guard let slot = option.slot ?? machine.bridge.freeSlot(without: claimed) else {
            throw AssignmentError.plug(address, .noSlot)
        }
        let end = machine.end
        let function = try AssignedFunction(
            backend, showsROM: option.showsROM,
            line: { pin throws(SystemCallError) in try machine.line(slot: slot, pin: pin) }, kernel: machine.vm.kernel,
            onFailure: { end(.hostFailure($0)) })
        do throws(PCIHostBridge.PlugError) {
            try machine.bridge.attach(function, slot: slot)
        } catch {
            backend.release()
            throw AssignmentError.plug(address, error)
        }
        members.append(
            Member(
                option: option, slot: slot, backend: backend, interruptState: { function.interruptState },
                refusals: { function.refusals }))
    }

    /// The counts of each device's interrupts. Must be read before `release`.
    var report: [RunReport.Device] {
        members.map { member in
            RunReport.Device(
                address: member.backend.address, backend: member.backend.kind, delivery: member.backend.delivery,
                slot: member.slot,
                interrupts: member.backend.interrupts,
                refused: member.refusals().map { RunReport.Refused(call: $0.call, reason: $0.reason, count: $0.count) })
        }
    }

    /// Reports the guest's requests to each device that the host refused.
    func reportRefusals(_ notice: (String) -> Void) {
        for member in members {
            let refusals = member.refusals()
            guard let first = refusals.first else { continue }
            let count = refusals.reduce(0) { $0 + $1.count }
            notice(
                """
                \(member.backend.address): the host refused \(count == 1 ? "a request" : "\(count) requests") of \
                the guest's (first \(first.call): \(first.reason)); the run went on without
                """)
        }
    }

    /// The state of each device's interrupts. Must be read before `release`.
    var interruptStates: [DeviceInterrupts] { members.map { $0.interruptState() } }

    /// Resets and releases every device.
    func release() {
        for member in members { member.backend.release() }
    }
}
