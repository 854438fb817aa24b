import Bytes
public import LinuxSystem
public import PCI
import Synchronization
public import VMM

/// A passed-through function as the guest sees it: interprets each configuration write, stores the MSI-X table, and
/// calls the backend in the order that the kernel's interfaces require.
public final class AssignedFunction<Backend: AssignmentBackend>: PCIFunction, @unchecked Sendable {
    // @unchecked: everything that changes is behind a lock.

    struct State {
        var space: ConfigSpace
        var messages: FunctionMessages
        var mode = InterruptMode.none
        /// The mode differs from the guest's registers: the host refused it, or the device and its vectors are in a
        /// low-power state.
        var isBehind = false
        /// Registers whose last write the host refused, to be written again.
        var unwritten: [Register] = []
    }

    struct Register: Equatable {
        let offset: Int
        let width: Int
    }

    private let refused = Refusals()

    public let backend: Backend
    let layout: PassthroughLayout
    /// The place of the registers of its messages; their values are in `state`.
    private let messageLayout: MessageLayout
    let state: Mutex<State>
    private let decoded = Mutex<[DecodedBAR]>([])
    private let areas: [[MappableRegion]]
    private let rom: OptionROMCopy?
    private let functionBARs: [BAR]
    let line: InterruptLine?
    private let onFailure: @Sendable (String) -> Void
    private let kernel: KernelInterface

    /// Takes over a function that a backend has opened, with its decoders off.
    /// - Parameters:
    ///   - showsROM: the guest gets a copy of the device's expansion ROM, which is read now.
    ///   - line: returns the line for a pin, 1...4.
    ///   - kernel: gets a comment for each access of the guest, so that a recording shows what its calls respond to.
    ///   - onFailure: called with a sentence when the host fails on behalf of the device; the run can't continue then.
    public init(
        _ backend: Backend, showsROM: Bool = false, line: (_ pin: Int) throws(SystemCallError) -> InterruptLine,
        kernel: KernelInterface = .host,
        onFailure: @escaping @Sendable (String) -> Void
    ) throws(AssignmentError) {
        self.backend = backend
        self.onFailure = onFailure
        self.kernel = kernel
        let rom = showsROM ? try Self.copyROM(backend) : nil
        self.rom = rom
        functionBARs = backend.bars + (rom.map { [$0.bar] } ?? [])
        let layout = PassthroughLayout(
            hardware: try backend.configSnapshot(), bars: functionBARs, hasINTx: backend.hasINTx, access: backend.access
        )
        self.layout = layout
        do throws(SystemCallError) {
            self.line = layout.interruptPin > 0 ? try line(layout.interruptPin) : nil
        } catch {
            throw .system(backend.address, error)
        }
        let messageLayout = MessageLayout(msi: layout.msi, msix: layout.msix)
        var areas = [[MappableRegion]](repeating: [], count: 7)
        for bar in backend.bars where !bar.isIO {
            areas[bar.index] = try backend.map(bar, trapped: messageLayout.trappedRanges(bar: bar.index))
        }
        if let rom { areas[rom.bar.index] = rom.areas }
        self.areas = areas
        self.messageLayout = messageLayout
        state = Mutex(State(space: layout.space, messages: FunctionMessages(messageLayout)))
        super.init()
        try backend.writeConfig(ConfigRegister.command, 0, width: 2)
        // The guest has caused none of these calls.
        if let line = self.line { try backend.startINTx(line, masked: false) }
        state.withLock { $0.mode = self.line == nil ? .none : .intx }
    }

    private static func copyROM(_ backend: Backend) throws(AssignmentError) -> OptionROMCopy {
        let rom: OptionROM
        let bytes = try backend.readROM()
        do { rom = try OptionROM(bytes) } catch { throw .unfit(backend.address, reason: "\(error): leave out rom=on") }
        return try OptionROMCopy(rom, of: backend.address)
    }

    public override var name: String { backend.address }
    public override var bars: [BAR] { functionBARs }
    public override var interruptPin: Int { layout.interruptPin }

    public override var sendsUnmaskableMessages: Bool { state.withLock { hasUnmaskableMessage($0) } }

    public override func assign(_ bar: BAR, address: UInt64) {
        state.withLock { bar.assign(address, in: &$0.space) }
    }

    public override func assignInterruptLine(_ gsi: UInt8) {
        state.withLock { $0.space.write(ConfigRegister.interruptLine, UInt32(gsi), width: 1) }
    }

    public override func decodedBARs() -> [DecodedBAR] { decoded.withLock { $0 } }

    public override func mappableRegions(_ bar: Int) -> [MappableRegion] {
        areas.indices.contains(bar) ? areas[bar] : []
    }

    private func comment(
        _ access: StaticString, _ offset: some BinaryInteger, _ width: Int, _ value: (some BinaryInteger)? = Int?.none
    ) {
        kernel.comment {
            let written = value.map { " value \($0.hexadecimal)" } ?? ""
            return "guest \(backend.address) \(access) \(offset.hexadecimal) width \(width)\(written)"
        }
    }

    // MARK: Configuration

    public override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        state.withLock { state in
            var value = state.space.read(offset, width: width)
            let live = state.space.hardwareReadMask(offset, width: width)
            if live != 0 {
                comment("config read", offset, width)
                let physical =
                    ask({ () throws(AssignmentError) in try backend.readConfig(offset, width: width) }) ?? .max
                value = value & ~live | physical & live
            }
            if state.mode == .messages(.msi) {
                value |= state.messages.pendingBits(readAt: offset, width: width, in: state.space) {
                    backend.isPending($0) == true
                }
            }
            return value
        }
    }

    public override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        state.withLock { state in
            comment("config write", offset, width, value)
            let before = state.space.command
            let power = powerState(state)
            state.space.write(offset, value, width: width)
            settlePower(from: power, &state)
            let after = state.space.command
            do throws(AssignmentError) {
                try writeAgain(without: Register(offset: offset, width: width), &state)
                // KVM_ASSIGN_SET_INTX_MASK requires this order (Documentation/virtual/kvm/api.txt of Linux 3.4, 4.60):
                // first the intent, last the physical register.
                if before.contains(.intxDisable) != after.contains(.intxDisable) {
                    try attempt(.line) { () throws(AssignmentError) in
                        try backend.setINTxMask(after.contains(.intxDisable))
                    }
                }
                if power != .d0 {
                    // Also if this write is to wake the device: the device does not know of it yet.
                    state.isBehind = state.isBehind || state.messages.areTouched(byWriteAt: offset, width: width)
                } else if state.isBehind || state.messages.areTouched(byWriteAt: offset, width: width) {
                    try followInterruptMode(&state)
                }
                if withdraw(state) { remap() }
                try forward(Register(offset: offset, width: width), value, &state)
                // Requests that the sleeping device could not accept are repeated.
                if power != .d0, powerState(state) == .d0, state.isBehind { try followInterruptMode(&state) }
                if knowsDecoders(state), publish(state) { remap() }
            } catch {
                onFailure("\(error)")
            }
        }
    }

    /// Writes the forwarded bits of a write to the device.
    private func forward(_ register: Register, _ value: UInt32, _ state: inout State) throws(AssignmentError) {
        let (offset, width) = (register.offset, register.width)
        guard state.space.hardwareWriteMask(offset, width: width) != 0 else { return }
        let forwarded = state.space.hardwareWriteValue(offset, value, width: width)
        state.unwritten.removeAll { $0 == register }
        if try attempt(
            .device, { () throws(AssignmentError) in try backend.writeConfig(offset, forwarded, width: width) })
        {
            followPower(offset, width, &state)
        } else if state.space.isVirtual(offset, width: width) {
            state.unwritten.append(register)
        }
    }

    /// Repeats writes that were refused: only of bits stored in the view, since other bits would act again.
    private func writeAgain(without register: Register, _ state: inout State) throws(AssignmentError) {
        for kept in state.unwritten where kept != register { try forward(kept, 0, &state) }
    }

    // MARK: Refusals

    /// The guest's requests that the host refused.
    public var refusals: [Refusal] { refused.all }

    /// Carries out a guest's request.
    /// - Returns: false if the host refused it, which is counted.
    /// - Throws: if the host itself failed: by the errno, or because the device does not answer any more.
    @discardableResult
    private func attempt(
        _ purpose: AssignmentError.Purpose, _ body: () throws(AssignmentError) -> Void
    ) throws(AssignmentError) -> Bool {
        do throws(AssignmentError) {
            try body()
            return true
        } catch {
            guard !error.isHostFailure(for: purpose), isPresent else { throw error }
            refused.add(error)
            return false
        }
    }

    /// Reads from the device for the guest, or writes to its memory.
    /// - Returns: nil if the host refused it, which is counted; a device that doesn't answer reads all ones, as on a
    ///   real bus.
    @discardableResult
    private func ask<Value>(_ body: () throws(AssignmentError) -> Value) -> Value? {
        do throws(AssignmentError) {
            return try body()
        } catch {
            if error.isHostFailure(for: .device) { onFailure("\(error)") } else { refused.add(error) }
            return nil
        }
    }

    /// Returns true if the device knows what to decode; if that was refused its state is unknown, and it must not be
    /// accessed.
    private func knowsDecoders(_ state: State) -> Bool {
        !state.unwritten.contains { register in
            ConfigSpace.touches(register.offset, register.width, ConfigRegister.command..<ConfigRegister.command + 1)
                || layout.power.map {
                    ConfigSpace.touches(register.offset, register.width, $0.control..<$0.control + 1)
                } == true
        }
    }

    private var isPresent: Bool { (try? backend.readConfig(ConfigRegister.vendorID, width: 4)) != nil }

    // MARK: Decoding

    private func decode(_ state: State) -> [DecodedBAR] {
        // Outside of D0 no decoder is active (PCI Power Management 1.2, 5.4); the host's kernel removes its mappings
        // too.
        guard powerState(state) == .d0 else { return [] }
        return Self.decoded(bars, in: state.space)
    }

    /// Stops publishing ranges that are no longer decoded; new ranges wait until the device knows of them.
    private func withdraw(_ state: State) -> Bool {
        let now = decode(state)
        return decoded.withLock { published in
            let kept = published.filter(now.contains)
            defer { published = kept }
            return kept.count < published.count
        }
    }

    /// Publishes the ranges that are decoded now.
    private func publish(_ state: State) -> Bool {
        let now = decode(state)
        return decoded.withLock { published in
            defer { published = now }
            return published != now
        }
    }

    // MARK: Power

    private func powerState(_ state: State) -> PowerCapability.State { layout.power?.state(in: state.space) ?? .d0 }

    /// Sets the view to a power state that the function can have, whatever the guest wrote.
    private func settlePower(from old: PowerCapability.State, _ state: inout State) {
        guard let power = layout.power else { return }
        power.set(power.state(after: power.state(in: state.space), from: old), in: &state.space)
    }

    /// Reads back the device's power state, which may differ from the guest's write: in a low-power state it decodes
    /// nothing, and the guest must not keep its memory mapped. A write to another capability may have reset it, which
    /// wakes it.
    private func followPower(_ offset: Int, _ width: Int, _ state: inout State) {
        guard backend.access == .filtered, offset + width > ConfigRegister.firstCapability, let power = layout.power,
            let read = ask({ () throws(AssignmentError) in try backend.readConfig(power.control, width: 1) }),
            let physical = PowerCapability.State(rawValue: UInt8(truncatingIfNeeded: read & 3))
        else { return }
        let isPowerWrite = ConfigSpace.touches(offset, width, power.control..<power.control + 1)
        if physical != .d0 || !isPowerWrite { power.set(physical, in: &state.space) }
    }

    // MARK: BARs

    public override func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        if bar == BAR.romIndex { return rom?.read(offset, width: width) ?? .max }
        if messageLayout.splits(bar: bar, offset: offset, width: width) {
            return (0..<width).reduce(0) {
                $0 | (readBAR(bar, offset: offset + UInt64($1), width: 1) & 0xFF) << UInt64(8 * $1)
            }
        }
        switch messageLayout.area(bar: bar, offset: offset) {
        case .table: return state.withLock { $0.messages.readTable(at: offset, width: width) }
        case .pendingBits: return pendingArray(offset, width)
        case nil: break
        }
        kernel.comment { "guest \(backend.address) range \(bar) read \(offset.hexadecimal) width \(width)" }
        return readDevice(bar, offset, width)
    }

    private func readDevice(_ bar: Int, _ offset: UInt64, _ width: Int) -> UInt64 {
        ask({ () throws(AssignmentError) in try backend.readBAR(bar, offset: offset, width: width) }) ?? .max
    }

    /// Returns the MSI-X pending bits: our own for vectors that the host delivers. A vector that was never unmasked is
    /// masked in the device too, and is pending there.
    /// - Parameter offset: in the pending bits' BAR.
    func pendingArray(_ offset: UInt64, _ width: Int) -> UInt64 {
        state.withLock { state in
            guard state.mode == .messages(.msix), let msix = layout.msix else { return 0 }
            let device =
                ask({ () throws(AssignmentError) in try backend.readBAR(msix.pendingBAR, offset: offset, width: width) }
                ) ?? 0
            let first = Int(offset - msix.pendingOffset) * 8
            return state.messages.pendingArray(readAt: offset, width: width) { vector in
                backend.isPending(vector) ?? (device >> UInt64(vector - first) & 1 != 0)
            }
        }
    }

    public override func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        if bar == BAR.romIndex { return }
        if messageLayout.splits(bar: bar, offset: offset, width: width) {
            for index in 0..<width {
                writeBAR(bar, offset: offset + UInt64(index), value >> UInt64(8 * index) & 0xFF, width: 1)
            }
            return
        }
        kernel.comment {
            """
            guest \(backend.address) range \(bar) write \(offset.hexadecimal) width \(width) value \
            \(value.hexadecimal)
            """
        }
        switch messageLayout.area(bar: bar, offset: offset) {
        case .table: return writeTable(offset, value, width)
        case .pendingBits: return
        case nil: break
        }
        ask({ () throws(AssignmentError) in try backend.writeBAR(bar, offset: offset, value, width: width) })
    }

    private func writeTable(_ offset: UInt64, _ value: UInt64, _ width: Int) {
        state.withLock { state in
            let vectors = state.messages.writeTable(at: offset, value, width: width)
            guard !vectors.isEmpty else { return }
            do throws(AssignmentError) {
                if state.isBehind { try followInterruptMode(&state) }
                guard state.mode == .messages(.msix) else { return }
                for vector in vectors { try setVector(vector, &state) }
            } catch {
                onFailure("\(error)")
            }
        }
    }

    // MARK: Interrupts

    private func setVector(_ vector: Int, _ state: inout State) throws(AssignmentError) {
        let setting = state.messages.setting(.msix, vector, in: state.space)
        guard powerState(state) == .d0 else {
            state.isBehind = true
            return
        }
        try attempt(.device) { () throws(AssignmentError) in
            try backend.setVector(vector, setting.message, masked: setting.isMasked)
        }
    }

    /// Sets the backend to the wanted mode, or as near to it as the host allows. A device in a low-power state sends no
    /// interrupts, and Linux enables messages only for a device in D0 (drivers/pci/msi, current_state): messages wait
    /// until it is awake.
    private func followInterruptMode(_ state: inout State) throws(AssignmentError) {
        let wanted = state.messages.mode(in: state.space, hasLine: line != nil)
        guard powerState(state) == .d0 else {
            state.isBehind = true
            return
        }
        state.isBehind = false
        if wanted != state.mode {
            let old = state.mode
            state.mode = .none
            switch old {
            case .none: break
            case .intx: try attempt(.line) { () throws(AssignmentError) in try backend.stopINTx() }
            case .messages: try attempt(.device) { () throws(AssignmentError) in try backend.stopMessages() }
            }
            var isStarted = true
            switch wanted {
            case .none: break
            case .intx:
                if let line {
                    let isMasked = state.space.command.contains(.intxDisable)
                    isStarted = try attempt(.line) { () throws(AssignmentError) in
                        try backend.startINTx(line, masked: isMasked)
                    }
                }
            case .messages(let kind):
                let count = state.messages.initialCount(kind, in: state.space)
                isStarted = try attempt(.device) { () throws(AssignmentError) in
                    try backend.startMessages(kind, initial: count)
                }
            }
            guard isStarted else {
                state.isBehind = true
                return
            }
            state.mode = wanted
        }
        let vectors = state.messages.settings(wanted, in: state.space)
        // A refused vector is tried again when the guest writes to it or to the capability.
        if !vectors.isEmpty { try attempt(.device) { () throws(AssignmentError) in try backend.setVectors(vectors) } }
    }
}
