import KVM
import LinuxSystem
public import PCI
public import PostMortem
import Synchronization
import X86

/// An emulated function: implements the configuration space, decodes the BARs, and signals interrupts in the mode that
/// the guest set. A subclass adds the registers in the BARs.
///
/// The subclass fires a vector (`send`) or sets the interrupt pin (`setPin`); enable bits, masks, pending bits, address
/// and data are handled here. Any thread may raise interrupts.
open class EmulatedFunction: PCIFunction, Savable, @unchecked Sendable {
    // @unchecked: what changes is behind a lock; `interrupts` and `vectors` are set before the first vCPU runs, and
    // constant from then on.

    fileprivate struct Registers: Equatable {
        var space: ConfigSpace
        var messages: FunctionMessages
        var mode: InterruptMode
        /// The function's own interrupt pin, whether or not the guest lets it assert the line.
        var isPinUp = false
        var decoded: [DecodedBAR] = []
    }

    private let state: Mutex<Registers>
    private let functionBARs: [BAR]
    private let pin: Int
    /// The place of the messages' registers; their values are in `state`.
    private let layout: MessageLayout
    private let decodesFromStart: Bool
    private var interrupts: FunctionInterrupts?
    private var vectors: [MessageKind: [MessageVector]] = [:]

    /// - Parameters:
    ///   - header: the contents of the configuration space.
    ///   - decodesFromStart: its decoders are initially on, as firmware leaves a board.
    public init(_ header: FunctionHeader, decodesFromStart: Bool = false) {
        let (space, messages) = header.configSpace()
        functionBARs = header.bars
        pin = header.interruptPin
        layout = messages.layout
        self.decodesFromStart = decodesFromStart
        state = Mutex(Registers(space: space, messages: messages, mode: pin > 0 ? .intx : .none))
        super.init()
    }

    /// Connects the function to its interrupts. To be called before it is put on the bus.
    /// - Throws: an error if descriptors run out: each vector has one.
    final func connect(_ interrupts: FunctionInterrupts) throws(SystemCallError) {
        self.interrupts = interrupts
        // If the host can't count, the report says so.
        try? interrupts.line?.startCountingAcks()
        for (kind, count) in [
            (MessageKind.msi, layout.msi?.maximumVectors ?? 0), (.msix, layout.msix?.vectorCount ?? 0),
        ] {
            var made: [MessageVector] = []
            for number in 0..<count {
                made.append(
                    try MessageVector(
                        "\(name) \(kind) vector \(number)", vm: interrupts.vm, delivery: .signal,
                        routes: interrupts.routes))
            }
            vectors[kind] = made
        }
    }

    // MARK: What a subclass is and does

    /// Reads 1, 2, 4 or 8 bytes of a BAR, outside the MSI-X table and pending bits.
    open func readRegister(_ bar: Int, offset: UInt64, width: Int) -> UInt64 { .max }

    /// Writes 1, 2, 4 or 8 bytes in the same way.
    open func writeRegister(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {}

    /// Raises a message interrupt by MSI-X or MSI, whichever the guest enabled; does nothing in INTx mode, which uses
    /// the pin.
    /// - Parameter vector: from 0; if the guest enabled fewer MSI vectors, its low bits count.
    public final func send(_ vector: Int) {
        state.withLock { state in
            guard case .messages(let kind) = state.mode else { return }
            let count = state.messages.count(kind, in: state.space)
            guard vector >= 0, count > 0, kind == .msi || vector < count, let vectors = vectors[kind] else { return }
            let number = kind == .msi ? vector & (count - 1) : vector
            if vectors.indices.contains(number) { vectors[number].raise() }
        }
    }

    /// Sets the function's interrupt pin: the line follows while INTx is the mode and INTx-disable is clear, and STATUS
    /// always shows it.
    public final func setPin(_ isUp: Bool) {
        state.withLock { state in
            state.isPinUp = isUp
            followLine(state)
        }
    }

    // MARK: State

    /// All that the guest can tell of the function.
    public struct State: Sendable, Equatable {
        fileprivate var registers: Registers
        fileprivate var vectors: [MessageKind: [MessageVector.State]]
        fileprivate var own: DeviceState
    }

    /// The state of what a subclass adds.
    open func saveRegisters() -> DeviceState { DeviceState(NoState()) }

    /// Puts the state of what a subclass adds in. It must not move the interrupt pin: that is in the function's state.
    open func restoreRegisters(_ state: DeviceState) throws(StateError) {}

    public final func save() -> State {
        State(
            registers: state.withLock { $0 }, vectors: vectors.mapValues { $0.map { $0.save() } }, own: saveRegisters())
    }

    public final func restore(_ saved: State) throws(StateError) {
        guard saved.registers.messages.layout == layout, saved.vectors.mapValues(\.count) == vectors.mapValues(\.count)
        else { throw .differs(name) }
        try restoreRegisters(saved.own)
        state.withLock { $0 = saved.registers }
        for (kind, vectors) in vectors {
            for (vector, saved) in zip(vectors, saved.vectors[kind] ?? []) { try vector.restore(saved) }
        }
    }

    // MARK: Place

    public final override var bars: [BAR] { functionBARs }
    public final override var interruptPin: Int { pin }

    public final override func assign(_ bar: BAR, address: UInt64) {
        state.withLock { state in
            bar.assign(address, in: &state.space)
            if decodesFromStart { state.space.command.insert(bar.isIO ? .ioSpace : .memorySpace) }
            state.decoded = decode(state)
        }
    }

    public final override func assignInterruptLine(_ gsi: UInt8) {
        state.withLock { $0.space.write(ConfigRegister.interruptLine, UInt32(gsi), width: 1) }
    }

    public final override func decodedBARs() -> [DecodedBAR] { state.withLock { $0.decoded } }

    private func decode(_ state: Registers) -> [DecodedBAR] {
        Self.decoded(functionBARs, in: state.space)
    }

    // MARK: Configuration

    public final override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        state.withLock { state in
            var value = state.space.read(offset, width: width)
            if state.isPinUp, ConfigSpace.touches(offset, width, ConfigRegister.status..<ConfigRegister.status + 1) {
                value |= UInt32(Status.interrupt) << UInt32(8 * (ConfigRegister.status - offset))
            }
            if state.mode == .messages(.msi) {
                value |= state.messages.pendingBits(readAt: offset, width: width, in: state.space) {
                    isPending(.msi, $0)
                }
            }
            return value
        }
    }

    public final override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        let hasMoved = state.withLock { state in
            let before = state.space.command
            state.space.write(offset, value, width: width)
            let after = state.space.command
            let isMessageWrite = state.messages.areTouched(byWriteAt: offset, width: width)
            if isMessageWrite || before.symmetricDifference(after).contains(.busMaster) { followMode(&state) }
            followLine(state)
            let decoded = decode(state)
            defer { state.decoded = decoded }
            return decoded != state.decoded
        }
        // The bridge calls `decodedBARs` from here.
        if hasMoved { remap() }
    }

    // MARK: Registers

    public final override func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        if layout.splits(bar: bar, offset: offset, width: width) {
            return (0..<width).reduce(0) {
                $0 | (readBAR(bar, offset: offset + UInt64($1), width: 1) & 0xFF) << UInt64(8 * $1)
            }
        }
        switch layout.area(bar: bar, offset: offset) {
        case .table: return state.withLock { $0.messages.readTable(at: offset, width: width) }
        case .pendingBits:
            return state.withLock { state in
                guard state.mode == .messages(.msix) else { return 0 }
                return state.messages.pendingArray(readAt: offset, width: width) { isPending(.msix, $0) }
            }
        case nil: return readRegister(bar, offset: offset, width: width)
        }
    }

    public final override func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        if layout.splits(bar: bar, offset: offset, width: width) {
            for index in 0..<width {
                writeBAR(bar, offset: offset + UInt64(index), value >> UInt64(8 * index) & 0xFF, width: 1)
            }
            return
        }
        switch layout.area(bar: bar, offset: offset) {
        case .table:
            state.withLock { state in
                let written = state.messages.writeTable(at: offset, value, width: width)
                guard state.mode == .messages(.msix) else { return }
                for vector in written { apply(state.messages.setting(.msix, vector, in: state.space), .msix, state) }
            }
        case .pendingBits: return
        case nil: writeRegister(bar, offset: offset, value, width: width)
        }
    }

    // MARK: Interrupts

    private func isPending(_ kind: MessageKind, _ number: Int) -> Bool {
        guard let vectors = vectors[kind], vectors.indices.contains(number) else { return false }
        return vectors[number].isPending
    }

    /// Sets vectors and line to the mode that the registers select. Interrupts held back in the old mode are dropped.
    private func followMode(_ state: inout Registers) {
        let wanted = state.messages.mode(in: state.space, hasLine: pin > 0)
        if wanted != state.mode, case .messages(let kind) = state.mode { vectors[kind]?.forEach { $0.stop() } }
        state.mode = wanted
        guard case .messages(let kind) = wanted else { return }
        for setting in state.messages.settings(wanted, in: state.space) { apply(setting, kind, state) }
    }

    /// Passes the guest's settings to a vector. A function that is no bus master sends nothing (PCI Local Bus 3.0,
    /// 6.2.2): its messages stay pending.
    private func apply(_ setting: VectorSetting, _ kind: MessageKind, _ state: Registers) {
        guard let vectors = vectors[kind], vectors.indices.contains(setting.number) else { return }
        let isMasked = setting.isMasked || !state.space.command.contains(.busMaster)
        do throws(KVMError) {
            _ = try vectors[setting.number].set(setting.message, masked: isMasked)
        } catch {
            interrupts?.onFailure("\(name) vector \(setting.number): \(error)")
        }
    }

    private func followLine(_ state: Registers) {
        guard let interrupts, let line = interrupts.line else { return }
        let isAsserted = state.isPinUp && state.mode == .intx && !state.space.command.contains(.intxDisable)
        do throws(KVMError) { try line.setLevel(isAsserted, slot: slot) } catch {
            interrupts.onFailure("\(name), GSI \(line.gsi): \(error)")
        }
    }

    public final override var sendsUnmaskableMessages: Bool {
        state.withLock { state in
            state.messages.settings(state.mode, in: state.space).contains(where: \.isUnmaskable)
        }
    }

    // MARK: Reports

    /// The counts of its interrupts so far: of its line (all functions that share it), and of vectors that were ever
    /// unmasked.
    public final var interruptReport: InterruptReport {
        var messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)] = []
        for kind in [MessageKind.msi, .msix] {
            for (number, vector) in (vectors[kind] ?? []).enumerated() where vector.wasUnmasked {
                messages.append((number, kind, vector.counts))
            }
        }
        var intx: InterruptCounts?
        if let line = interrupts?.line, line.countsAcks {
            intx = InterruptCounts()
            intx?.delivered = line.acknowledgedCount
        }
        return InterruptReport(intx: intx, messages: messages)
    }

    /// The current state of its interrupts, for a post-mortem.
    public final var interruptState: DeviceInterrupts {
        state.withLock { state in
            let kind: MessageKind? = if case .messages(let kind) = state.mode { kind } else { nil }
            let vectors = state.messages.settings(state.mode, in: state.space).compactMap {
                setting -> DeviceInterrupts.Vector? in
                let isHeld = kind.map { isPending($0, setting.number) } ?? false
                guard isHeld || !setting.isMasked || setting.message.address != 0 else { return nil }
                return .init(
                    number: setting.number, isMasked: setting.isMasked, isPending: isHeld,
                    guestVector: Int(setting.message.data & 0xFF))
            }
            return DeviceInterrupts(
                address: name, mode: state.mode.name, gsi: state.mode == .intx ? interrupts?.line?.gsi : nil,
                isINTxDisabled: state.space.command.contains(.intxDisable),
                isFunctionMasked: kind == .msix && layout.msix?.isFunctionMasked(in: state.space) == true,
                vectors: vectors)
        }
    }
}

extension VectorSetting {
    /// True if a processor accepts its message with interrupts off: an NMI, an SMI or an INIT.
    public var isUnmaskable: Bool { IOAPIC.isUnmaskable(deliveryMode: UInt64(message.data >> 8 & 7)) }
}

extension InterruptMode {
    /// The name in a post-mortem.
    public var name: String {
        switch self {
        case .none: "no interrupts"
        case .intx: "INTx"
        case .messages(.msi): "MSI"
        case .messages(.msix): "MSI-X"
        }
    }
}
