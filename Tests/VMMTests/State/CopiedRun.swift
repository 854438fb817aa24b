import Glibc
import KVM
import LinuxSystem
import Synchronization
import TestSupport

@testable import VMM

/// A guest that runs in one machine after another, each of which gets the state of the one before.
struct CopiedRun: ~Copyable {
    /// What a machine's run came to.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let hypervisor: Hypervisor
    private let kernel: String
    private let append: String
    private let cpus: Int
    private let functions: @Sendable () -> [Int: EmulatedFunction]
    private let signals: SignalDescriptor
    private var screen: Pipe
    /// How often the guest moved to a new machine.
    private(set) var copies = 0
    /// What it printed, on all of them.
    private(set) var console = ""

    /// - Parameter functions: makes the functions of a machine, by slot.
    init(
        _ guest: String, _ append: String, cpus: Int = 1,
        functions: @escaping @Sendable () -> [Int: EmulatedFunction] = { [:] }
    ) throws {
        let path = try TestKernel.built(guest)
        let hypervisor = try Hypervisor()
        let signals = try SignalDescriptor([SIGUSR2])
        let screen = try Pipe()
        kernel = path
        self.append = append
        self.cpus = cpus
        self.functions = functions
        self.hypervisor = hypervisor
        self.signals = signals
        self.screen = screen
    }

    func machine() throws -> Machine {
        let machine = try Machine(
            MachineConfiguration(memory: 8 << 20, cpus: cpus, consoleOutput: screen.input, timeout: 60),
            on: hypervisor)
        for (slot, function) in functions() { try machine.attach(function, slot: slot) }
        try machine.bridge.placeBARs()
        try machine.load(BootConfiguration(kernel: kernel, commandLine: append))
        return machine
    }

    /// The outcome of a run that was left for another machine.
    private static let moved = Outcome.hostFailure("moved")

    private final class Copy: Sendable {
        let state = Mutex<Result<MachineState, any Error>?>(nil)
    }

    /// Runs a machine for a while and copies it.
    /// - Parameters:
    ///   - microseconds: for how long; nil: to its end.
    ///   - line: what the console shows before that time begins.
    /// - Returns: its state, or its outcome where it ended by itself.
    private mutating func run(_ machine: Machine, for microseconds: UInt32?, after line: String) throws
        -> (MachineState?, Outcome)
    {
        let copy = Copy()
        // The parker touches the machine only while it is parked.
        nonisolated(unsafe) let copied = machine
        let runState = machine.runState
        let parker = try microseconds.map { time in
            try Thread("parker") {
                while !line.isEmpty, !copied.console.lastLines.contains(line), !runState.isFinished { usleep(1000) }
                usleep(time)
                guard runState.park(within: 5) else { return }
                copy.state.withLock { $0 = Result { try copied.save(on: Hypervisor()) } }
                runState.finish(Self.moved)
            }
        }
        let outcome = try machine.run(signals: signals).outcome
        parker?.join()
        console += String(decoding: screen.readAvailable(), as: UTF8.self)
        guard outcome == Self.moved else { return (nil, outcome) }
        return (try copy.state.withLock { $0 }?.get(), outcome)
    }

    /// Runs the guest to its end, in as many machines as its time is long.
    /// - Parameters:
    ///   - microseconds: for how long it runs in each.
    ///   - line: what its console shows before it moves for the first time.
    ///   - limit: in the machine that follows so many copies it stays.
    ///   - restore: puts a state into a machine.
    mutating func run(
        movingEvery microseconds: UInt32, after line: String = "", atMost limit: Int = .max,
        restore: (Machine, MachineState) throws -> Void = { machine, state in
            let refused = try machine.restore(state)
            if !refused.isEmpty { throw Failure(description: "KVM took \(refused) not back") }
        }
    ) throws -> Outcome {
        var machine = try machine()
        while true {
            let (state, outcome) = try run(
                machine, for: copies < limit ? microseconds : nil, after: copies == 0 ? line : "")
            guard let state else { return outcome }
            machine = try self.machine()
            try restore(machine, state)
            copies += 1
        }
    }
}
