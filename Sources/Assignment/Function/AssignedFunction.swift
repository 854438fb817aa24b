import KVM
public import LinuxSystem
public import PCI
import Synchronization
public import VMM

/// A passed-through function as the guest sees it: decides what each configuration write means, keeps the MSI-X table, and tells the backend
/// what to do, in the order that the kernel's interfaces ask for.
public final class AssignedFunction<Backend: AssignmentBackend>: PCIFunction, @unchecked Sendable {
    // @unchecked: everything that changes is behind a lock.

    enum InterruptMode: Equatable {
        case none, intx, messages(MessageKind)
    }

    struct State {
        var space: ConfigSpace
        var table: MSIXTable?
        var mode = InterruptMode.none
        /// The mode is not as the guest's registers ask for: the host refused it, or the device sleeps, and so do its vectors then.
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
    let state: Mutex<State>
    private let decoded = Mutex<[Decoded]>([])
    private let areas: [[DirectArea]]
    private let rom: OptionROMCopy?
    private let functionBARs: [BAR]
    let line: InterruptLine?
    private let onFailure: @Sendable (String) -> Void
    private let door: IoctlDoor

    /// Takes over a function that a backend has opened, its decoders off.
    /// - Parameters:
    ///   - showsROM: whether the guest finds the device's expansion ROM: a copy that is read now.
    ///   - line: finds the line for a pin, 1...4.
    ///   - door: is told of the guest's accesses, so that a recording says what its calls answer to.
    ///   - onFailure: told, as a sentence, when the host fails on behalf of the device; the run can't go on then.
    public init(
        _ backend: Backend, showsROM: Bool = false, line: (_ pin: Int) throws(SystemCallError) -> InterruptLine, door: IoctlDoor = .kernel,
        onFailure: @escaping @Sendable (String) -> Void
    ) throws(AssignmentError) {
        self.backend = backend
        self.onFailure = onFailure
        self.door = door
        let rom = showsROM ? try Self.copyROM(backend) : nil
        self.rom = rom
        functionBARs = backend.bars + (rom.map { [$0.bar] } ?? [])
        let layout = PassthroughLayout(hardware: try backend.configSnapshot(), bars: functionBARs, hasINTx: backend.hasINTx, access: backend.access)
        self.layout = layout
        do throws(SystemCallError) {
            self.line = layout.interruptPin > 0 ? try line(layout.interruptPin) : nil
        } catch {
            throw .system(backend.address, error)
        }
        var areas = [[DirectArea]](repeating: [], count: 7)
        for bar in backend.bars where !bar.isIO {
            areas[bar.index] = try backend.map(bar, trapped: Self.trappedRanges(layout, bar.index))
        }
        if let rom { areas[rom.bar.index] = rom.areas }
        self.areas = areas
        state = Mutex(State(space: layout.space, table: layout.msix.map { MSIXTable(count: $0.vectorCount) }))
        super.init()
        try backend.writeConfig(ConfigRegister.command, 0, width: 2)
        // Nothing of this is the guest's doing yet.
        if let line = self.line { try backend.startINTx(line, masked: false) }
        state.withLock { $0.mode = self.line == nil ? .none : .intx }
    }

    /// The pages of a BAR that hold the MSI-X table and pending bits: the guest's accesses there must come to us.
    private static func trappedRanges(_ layout: PassthroughLayout, _ bar: Int) -> [Range<UInt64>] {
        guard let msix = layout.msix else { return [] }
        var ranges: [Range<UInt64>] = []
        if msix.tableBAR == bar { ranges.append(msix.tableRange) }
        if msix.pendingBAR == bar { ranges.append(msix.pendingRange) }
        return ranges.map { $0.lowerBound & ~0xFFF..<($0.upperBound + 0xFFF) & ~0xFFF }
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

    public override func decodedBARs() -> [Decoded] { decoded.withLock { $0 } }

    public override func directAreas(_ bar: Int) -> [DirectArea] { areas.indices.contains(bar) ? areas[bar] : [] }

    private func note(_ access: StaticString, _ offset: some BinaryInteger, _ width: Int, _ value: (some BinaryInteger)? = Int?.none) {
        door.note {
            let written = value.map { " value 0x\(String($0, radix: 16))" } ?? ""
            return "guest \(backend.address) \(access) 0x\(String(offset, radix: 16)) width \(width)\(written)"
        }
    }

    // MARK: Configuration

    public override func readConfig(_ offset: Int, width: Int) -> UInt32 {
        state.withLock { state in
            var value = state.space.read(offset, width: width)
            let live = state.space.liveMask(offset, width: width)
            if live != 0 {
                note("config read", offset, width)
                let physical = ask({ () throws(AssignmentError) in try backend.readConfig(offset, width: width) }) ?? .max
                value = value & ~live | physical & live
            }
            if let pending = layout.msi?.pendingOffset, ConfigSpace.touches(offset, width, pending..<pending + 4) {
                value |= pendingBits(pending, offset, width, &state)
            }
            return value
        }
    }

    /// The MSI pending bits, moved to where a read of `width` bytes at `offset` sees them.
    private func pendingBits(_ register: Int, _ offset: Int, _ width: Int, _ state: inout State) -> UInt32 {
        guard state.mode == .messages(.msi), let msi = layout.msi else { return 0 }
        var bits: UInt64 = 0
        for vector in 0..<msi.vectorCount(in: state.space) where backend.isPending(vector) == true { bits |= 1 << UInt64(vector) }
        let shifted = offset >= register ? bits >> UInt64(8 * (offset - register)) : bits << UInt64(8 * (register - offset))
        return UInt32(truncatingIfNeeded: shifted & (1 << UInt64(8 * width) - 1))
    }

    public override func writeConfig(_ offset: Int, _ value: UInt32, width: Int, remap: () -> Void) {
        state.withLock { state in
            note("config write", offset, width, value)
            let before = state.space.command
            let power = powerState(state)
            state.space.write(offset, value, width: width)
            settlePower(from: power, &state)
            let after = state.space.command
            do throws(AssignmentError) {
                try writeAgain(without: Register(offset: offset, width: width), &state)
                // The order is KVM_ASSIGN_SET_INTX_MASK's rule (Documentation/virtual/kvm/api.txt of Linux 3.4, 4.60): first the intent, last the physical register.
                if before.contains(.intxDisable) != after.contains(.intxDisable) {
                    try attempt(.line) { () throws(AssignmentError) in try backend.setINTxMask(after.contains(.intxDisable)) }
                }
                if power != .d0 {
                    // Also where this write is to wake it: it has not heard of that.
                    state.isBehind = state.isBehind || touchesInterrupts(offset, width)
                } else if touchesInterrupts(offset, width) || state.isBehind {
                    try followInterruptMode(&state)
                }
                if withdraw(state) { remap() }
                try forward(Register(offset: offset, width: width), value, &state)
                // What the device could not take in its sleep it is asked for again.
                if power != .d0, powerState(state) == .d0, state.isBehind { try followInterruptMode(&state) }
                if hearsDecoders(state), publish(state) { remap() }
            } catch {
                onFailure("\(error)")
            }
        }
    }

    /// Brings a write's forwarded bits to the device.
    private func forward(_ register: Register, _ value: UInt32, _ state: inout State) throws(AssignmentError) {
        let (offset, width) = (register.offset, register.width)
        guard state.space.forwardedMask(offset, width: width) != 0 else { return }
        let forwarded = state.space.forwardedValue(offset, value, width: width)
        state.unwritten.removeAll { $0 == register }
        if try attempt(.device, { () throws(AssignmentError) in try backend.writeConfig(offset, forwarded, width: width) }) {
            followPower(offset, width, &state)
        } else if state.space.isVirtual(offset, width: width) {
            state.unwritten.append(register)
        }
    }

    /// Writes what was refused before: the bits that are kept in the view, and of the others, which would act anew, none.
    private func writeAgain(without register: Register, _ state: inout State) throws(AssignmentError) {
        for kept in state.unwritten where kept != register { try forward(kept, 0, &state) }
    }

    // MARK: Refusals

    /// What the host refused of all that the guest asked for.
    public var refusals: [Refusal] { refused.all }

    /// Carries out what the guest asked for.
    /// - Returns: false where the host refused that, which is counted.
    /// - Throws: where the host itself failed: by the errno, or because the device answers nothing any more.
    @discardableResult
    private func attempt(
        _ purpose: AssignmentError.Purpose, _ body: () throws(AssignmentError) -> Void
    ) throws(AssignmentError) -> Bool {
        do throws(AssignmentError) {
            try body()
            return true
        } catch {
            guard !error.isHostFailure(for: purpose), isPresent else { throw error }
            refused.note(error)
            return false
        }
    }

    /// Reads from the device for the guest, or writes to its memory.
    /// - Returns: nil where the host refused that, which is counted; what doesn't answer reads all ones, as on a real bus.
    @discardableResult
    private func ask<Value>(_ body: () throws(AssignmentError) -> Value) -> Value? {
        do throws(AssignmentError) {
            return try body()
        } catch {
            if error.isHostFailure(for: .device) { onFailure("\(error)") } else { refused.note(error) }
            return nil
        }
    }

    /// Whether the device was told what to decode; where that was refused what it does is not known, and it is not to be reached.
    private func hearsDecoders(_ state: State) -> Bool {
        !state.unwritten.contains { register in
            ConfigSpace.touches(register.offset, register.width, ConfigRegister.command..<ConfigRegister.command + 1)
                || layout.power.map { ConfigSpace.touches(register.offset, register.width, $0.control..<$0.control + 1) } == true
        }
    }

    private var isPresent: Bool { (try? backend.readConfig(ConfigRegister.vendorID, width: 4)) != nil }

    private func touchesInterrupts(_ offset: Int, _ width: Int) -> Bool {
        if let msi = layout.msi, ConfigSpace.touches(offset, width, msi.offset..<msi.offset + msi.length) { return true }
        if let msix = layout.msix, ConfigSpace.touches(offset, width, msix.offset..<msix.offset + MSIXCapability.length) { return true }
        return false
    }

    // MARK: Decoding

    private func decode(_ state: State) -> [Decoded] {
        // Outside of D0 no decoder answers (PCI Power Management 1.2, 5.4); the host's kernel takes its mappings away too.
        guard powerState(state) == .d0 else { return [] }
        return bars.filter { $0.isDecoded(in: state.space) }.map { Decoded(bar: $0, address: $0.address(in: state.space)) }
    }

    /// Stops publishing what no longer answers; what newly answers waits until the device has heard of it.
    private func withdraw(_ state: State) -> Bool {
        let now = decode(state)
        return decoded.withLock { published in
            let kept = published.filter(now.contains)
            defer { published = kept }
            return kept.count < published.count
        }
    }

    /// Publishes what answers now.
    private func publish(_ state: State) -> Bool {
        let now = decode(state)
        return decoded.withLock { published in
            defer { published = now }
            return published != now
        }
    }

    // MARK: Power

    private func powerState(_ state: State) -> PowerCapability.State { layout.power?.state(in: state.space) ?? .d0 }

    /// Has the view keep a power state that a function can be in, whatever the guest wrote.
    private func settlePower(from old: PowerCapability.State, _ state: inout State) {
        guard let power = layout.power else { return }
        power.set(power.state(after: power.state(in: state.space), from: old), in: &state.space)
    }

    /// A device may not be where the guest's write should have brought it: where it sleeps it decodes nothing, and the guest must not keep its
    /// memory. A write elsewhere among the capabilities may have reset it, which wakes it.
    private func followPower(_ offset: Int, _ width: Int, _ state: inout State) {
        guard backend.access == .filtered, offset + width > ConfigRegister.firstCapability, let power = layout.power,
            let read = ask({ () throws(AssignmentError) in try backend.readConfig(power.control, width: 1) }),
            let physical = PowerCapability.State(rawValue: UInt8(truncatingIfNeeded: read & 3))
        else { return }
        let isPowerWrite = ConfigSpace.touches(offset, width, power.control..<power.control + 1)
        if physical != .d0 || !isPowerWrite { power.set(physical, in: &state.space) }
    }

    // MARK: BARs

    /// Whether an access begins before the MSI-X table or pending bits and reaches into them: the device's own must not be reached by it. Of one
    /// that begins inside, what lies behind the end is lost.
    private func isSplit(_ bar: Int, _ offset: UInt64, _ width: Int) -> Bool {
        guard let msix = layout.msix else { return false }
        func reachesInto(_ range: Range<UInt64>) -> Bool { offset < range.lowerBound && offset + UInt64(width) > range.lowerBound }
        return bar == msix.tableBAR && reachesInto(msix.tableRange) || bar == msix.pendingBAR && reachesInto(msix.pendingRange)
    }

    public override func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 {
        if bar == BAR.romIndex { return rom?.read(offset, width: width) ?? .max }
        if width > 1, isSplit(bar, offset, width) {
            return (0..<width).reduce(0) { $0 | (readBAR(bar, offset: offset + UInt64($1), width: 1) & 0xFF) << UInt64(8 * $1) }
        }
        if let msix = layout.msix {
            if bar == msix.tableBAR, msix.tableRange.contains(offset) {
                return state.withLock { $0.table?.read(offset - msix.tableOffset, width: width) ?? 0 }
            }
            if bar == msix.pendingBAR, msix.pendingRange.contains(offset) {
                return pendingArray(msix, offset - msix.pendingOffset, width)
            }
        }
        door.note { "guest \(backend.address) range \(bar) read 0x\(String(offset, radix: 16)) width \(width)" }
        return readDevice(bar, offset, width)
    }

    private func readDevice(_ bar: Int, _ offset: UInt64, _ width: Int) -> UInt64 {
        ask({ () throws(AssignmentError) in try backend.readBAR(bar, offset: offset, width: width) }) ?? .max
    }

    /// The pending bits: ours for vectors that the host delivers. One that was never unmasked is masked in the device too, and pends there.
    func pendingArray(_ msix: MSIXCapability, _ offset: UInt64, _ width: Int) -> UInt64 {
        state.withLock { state in
            guard state.mode == .messages(.msix) else { return 0 }
            let device = ask({ () throws(AssignmentError) in try backend.readBAR(msix.pendingBAR, offset: msix.pendingOffset + offset, width: width) }) ?? 0
            var bits: UInt64 = 0
            let first = Int(offset) * 8
            for bit in 0..<width * 8 where first + bit < msix.vectorCount {
                let isPending = backend.isPending(first + bit) ?? (device >> UInt64(bit) & 1 != 0)
                if isPending { bits |= 1 << UInt64(bit) }
            }
            return bits
        }
    }

    public override func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {
        if bar == BAR.romIndex { return }
        if width > 1, isSplit(bar, offset, width) {
            for index in 0..<width { writeBAR(bar, offset: offset + UInt64(index), value >> UInt64(8 * index) & 0xFF, width: 1) }
            return
        }
        door.note { "guest \(backend.address) range \(bar) write 0x\(String(offset, radix: 16)) width \(width) value 0x\(String(value, radix: 16))" }
        if let msix = layout.msix {
            if bar == msix.tableBAR, msix.tableRange.contains(offset) { return writeTable(msix, offset, value, width) }
            if bar == msix.pendingBAR, msix.pendingRange.contains(offset) { return }
        }
        ask({ () throws(AssignmentError) in try backend.writeBAR(bar, offset: offset, value, width: width) })
    }

    private func writeTable(_ msix: MSIXCapability, _ offset: UInt64, _ value: UInt64, _ width: Int) {
        state.withLock { state in
            guard let vector = state.table?.write(offset - msix.tableOffset, value, width: width) else { return }
            do throws(AssignmentError) {
                if state.isBehind { try followInterruptMode(&state) }
                guard state.mode == .messages(.msix) else { return }
                try setVector(msix, vector, &state)
                // An 8-byte write at an entry's last word reaches into the next one.
                let last = Int((offset - msix.tableOffset + UInt64(width) - 1) / 16)
                if last != vector, last < msix.vectorCount { try setVector(msix, last, &state) }
            } catch {
                onFailure("\(error)")
            }
        }
    }

    // MARK: Interrupts

    private func setVector(_ msix: MSIXCapability, _ vector: Int, _ state: inout State) throws(AssignmentError) {
        guard let table = state.table else { return }
        let setting = Self.setting(vector, msix, table, state.space)
        guard powerState(state) == .d0 else {
            state.isBehind = true
            return
        }
        try attempt(.device) { () throws(AssignmentError) in try backend.setVector(vector, setting.message, masked: setting.masked) }
    }

    private static func setting(
        _ vector: Int, _ msix: MSIXCapability, _ table: MSIXTable, _ space: ConfigSpace
    ) -> (number: Int, message: MSIMessage, masked: Bool) {
        let message = table.message(vector)
        return (
            vector, MSIMessage(address: message.address, data: message.data),
            table.isMasked(vector) || msix.isFunctionMasked(in: space)
        )
    }

    /// The mode that the guest's registers ask for: MSI-X before MSI before INTx.
    private func wantedMode(_ state: State) -> InterruptMode {
        if let msix = layout.msix, msix.isEnabled(in: state.space) { return .messages(.msix) }
        if let msi = layout.msi, msi.isEnabled(in: state.space) { return .messages(.msi) }
        return line == nil ? .none : .intx
    }

    /// Brings the backend to the wanted mode, or as near to it as the host lets it come. A device that sleeps sends no interrupt, and Linux
    /// enables messages only of one that doesn't (drivers/pci/msi, current_state): it waits until it is awake.
    private func followInterruptMode(_ state: inout State) throws(AssignmentError) {
        let wanted = wantedMode(state)
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
                    isStarted = try attempt(.line) { () throws(AssignmentError) in try backend.startINTx(line, masked: isMasked) }
                }
            case .messages(let kind):
                let count = initialVectors(kind, state)
                isStarted = try attempt(.device) { () throws(AssignmentError) in try backend.startMessages(kind, initial: count) }
            }
            guard isStarted else {
                state.isBehind = true
                return
            }
            state.mode = wanted
        }
        let vectors = settings(wanted, state)
        // One that is refused is tried again when the guest writes to it or to the capability.
        if !vectors.isEmpty { try attempt(.device) { () throws(AssignmentError) in try backend.setVectors(vectors) } }
    }

    /// What the guest set for all vectors of a mode.
    private func settings(_ mode: InterruptMode, _ state: State) -> [(number: Int, message: MSIMessage, masked: Bool)] {
        switch mode {
        case .messages(.msix):
            guard let msix = layout.msix, let table = state.table else { return [] }
            return (0..<msix.vectorCount).map { Self.setting($0, msix, table, state.space) }
        case .messages(.msi):
            guard let msi = layout.msi else { return [] }
            return (0..<msi.vectorCount(in: state.space)).map { vector in
                let message = msi.message(vector, in: state.space)
                return (vector, MSIMessage(address: message.address, data: message.data), msi.isMasked(vector, in: state.space))
            }
        case .none, .intx: return []
        }
    }

    /// Vectors wanted as a mode starts: for MSI what the guest enabled; for MSI-X up to the last unmasked one.
    private func initialVectors(_ kind: MessageKind, _ state: State) -> Int {
        switch kind {
        case .msi: return layout.msi?.vectorCount(in: state.space) ?? 1
        case .msix:
            guard let table = state.table, let msix = layout.msix, !msix.isFunctionMasked(in: state.space) else { return 0 }
            return (0..<table.count).last { !table.isMasked($0) }.map { $0 + 1 } ?? 0
        }
    }
}
