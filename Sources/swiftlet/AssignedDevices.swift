import Assignment
import KVM
import LinuxSystem
import PCI
import VMM

/// The passed-through functions of one run.
final class AssignedDevices {
    private struct Member {
        let option: DeviceOption
        let slot: Int
        let function: AssignedFunction<VFIOBackend>
    }

    private var members: [Member] = []
    private let host: VFIOHost
    /// Slots that some option asks for by number.
    private let claimed: Set<Int>

    /// Checks every device before it takes the first, then opens each and puts it on the machine's bus.
    init(_ options: [DeviceOption], on machine: Machine) throws {
        host = VFIOHost(machine)
        claimed = Set(options.compactMap(\.slot))
        for (index, option) in options.enumerated() where options[..<index].contains(where: { $0.address == option.address }) {
            throw AssignmentError.repeated(option.address.description)
        }
        var groups: [Int] = []
        for option in options { groups.append(try DeviceReadiness.check(option.address, guestMemory: machine.memory.count)) }
        do {
            for (option, group) in zip(options, groups) { try add(option, group, machine) }
        } catch {
            release()
            throw error
        }
    }

    private func add(_ option: DeviceOption, _ group: Int, _ machine: Machine) throws {
        let address = option.address.description
        guard let slot = option.slot ?? machine.bridge.freeSlot(without: claimed) else { throw AssignmentError.plug(address, .noSlot) }
        let backend = try host.open(address, group: group, delivery: option.delivery)
        let end = machine.end
        let function = try AssignedFunction(
            backend, line: { pin throws(SystemCallError) in try machine.line(slot: slot, pin: pin) }, onFailure: { end(.hostFailure($0)) })
        do throws(PCIHostBridge.PlugError) {
            try machine.bridge.plug(function, slot: slot)
        } catch {
            backend.release()
            throw AssignmentError.plug(address, error)
        }
        members.append(Member(option: option, slot: slot, function: function))
    }

    /// What became of each device's interrupts. Before `release`.
    var report: [RunReport.Device] {
        members.map { member in
            let interrupts = member.function.backend.interrupts
            return RunReport.Device(
                address: member.function.backend.address, backend: member.function.backend.kind,
                delivery: member.option.delivery.rawValue, slot: member.slot, intx: interrupts.intx.map(RunReport.Counts.init),
                messages: interrupts.messages.map {
                    RunReport.Message(kind: $0.kind.rawValue, vector: $0.vector, counts: $0.counts.map(RunReport.Counts.init))
                })
        }
    }

    /// Puts every device back as it was found.
    func release() {
        for member in members { member.function.backend.release() }
    }
}
