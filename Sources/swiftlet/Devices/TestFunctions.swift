import PCI
import PostMortem
import VMM

/// The test functions of one run.
struct TestFunctions {
    private let functions: [InterruptTestFunction]

    /// Puts each on the machine's bus. `PCIHostBridge.placeBARs` must follow.
    /// - Parameter reserved: slots that passed-through devices request by number.
    init(_ options: [TestFunctionOption], on machine: Machine, reserved: Set<Int>) throws(MachineError) {
        let claimed = reserved.union(options.compactMap(\.slot))
        var functions: [InterruptTestFunction] = []
        for option in options {
            let function = InterruptTestFunction()
            guard let slot = option.slot ?? machine.bridge.freeSlot(without: claimed) else {
                throw .noFunction(name: "test function", .noSlot)
            }
            try machine.attach(function, slot: slot)
            functions.append(function)
        }
        self.functions = functions
    }

    /// The counts of each function's interrupts.
    var report: [RunReport.Device] {
        functions.map { function in
            RunReport.Device(
                address: function.name, backend: "emulated", delivery: MessageDelivery.signal.rawValue,
                slot: function.slot,
                interrupts: function.interruptReport)
        }
    }

    /// The state of each function's interrupts.
    var interruptStates: [DeviceInterrupts] { functions.map(\.interruptState) }
}
