public import KVM
import LinuxSystem
public import PCI
import Synchronization
import VFIO
public import VMM

/// A function that VFIO assigns.
///
/// VFIO owns the physical INTx-disable bit: it virtualizes COMMAND behind the device's descriptor, so the guest's write
/// is forwarded unchanged and the kernel masks (Documentation/driver-api/vfio.rst; drivers/vfio/pci/vfio_pci_config.c).
/// Before that write only the guest's side needs work: masking removes the irqfd, which lowers the line, and unmasking
/// adds it again.
public final class VFIOBackend: AssignmentBackend {
    private struct VectorState {
        let vector: MessageVector
        /// The device signals its eventfd.
        var hasTrigger = false
        /// The relay waits for it.
        var isPolled = false
    }

    private struct State {
        var line: InterruptLine?
        var everOnLine: InterruptLine?
        var kind: MessageKind?
        /// The index that VFIO refused to disable after use. No other index is enabled before it is disabled.
        var lingering: VFIODevice.InterruptIndex?
        /// The number of vectors that VFIO has enabled.
        var enabled = 0
        var slots: [MessageKind: [Int: VectorState]] = [.msi: [:], .msix: [:]]
        var mappings: [MappingBox] = []
        var released = false
    }

    private final class MappingBox: Sendable {
        let mapping: Mapping
        init(_ mapping: consuming Mapping) { self.mapping = mapping }
    }

    private enum Token {
        static let error = UInt64.max - 1
        static let request = UInt64.max - 2
    }

    public let address: String
    public let kind = "vfio-group"
    public var delivery: String { messageDelivery.rawValue }
    public let access = PassthroughLayout.Access.filtered
    public let bars: [BAR]
    public let hasINTx: Bool
    private let device: VFIODevice
    private let vm: VirtualMachine
    private let messageDelivery: MessageDelivery
    private let routes: MessageRoutes
    private let trigger: EventDescriptor
    private let resample: EventDescriptor
    private let errorEvent: EventDescriptor
    private let requestEvent: EventDescriptor
    private let vectorLimits: [MessageKind: VFIODevice.InterruptInfo]
    private let state: Mutex<State>
    private let relay: Mutex<InterruptRelay?>

    /// Takes over an opened device: resets it, turns its decoders and interrupts off.
    /// - Parameters:
    ///   - run: parks the thread that handles its interrupts; nil: it is never parked.
    ///   - onFailure: called when the device reports an error or the host wants it back.
    init(
        _ device: VFIODevice, vm: VirtualMachine, delivery: MessageDelivery, routes: MessageRoutes,
        run: RunState? = nil,
        onFailure: @escaping @Sendable (String) -> Void
    ) throws(AssignmentError) {
        let address = device.address
        self.device = device
        self.address = address
        self.vm = vm
        messageDelivery = delivery
        self.routes = routes
        do {
            if device.canReset { try device.reset() }
            let intx = device.interruptInfo(.intx)
            hasINTx = intx.count > 0 && intx.isAutomasked
            vectorLimits = [.msi: device.interruptInfo(.msi), .msix: device.interruptInfo(.msix)]
            bars = try Self.readBARs(device)
            trigger = try EventDescriptor("\(address) INTx")
            resample = try EventDescriptor("\(address) INTx unmask")
            errorEvent = try EventDescriptor("\(address) error")
            requestEvent = try EventDescriptor("\(address) request")
            state = Mutex(State())
            relay = Mutex(nil)
            let relay = try InterruptRelay("irq \(address.suffix(7))", run: run) { [weak self] token in
                guard let self else { return }
                switch token {
                case Token.error:
                    _ = errorEvent.readCount()
                    onFailure("\(address): the device reported an uncorrectable error and can't be trusted further")
                case Token.request:
                    _ = requestEvent.readCount()
                    onFailure("\(address): the host wants the device back (it is being unbound or removed)")
                default: self.vector(token)?.relay()
                }
            }
            self.relay.withLock { $0 = relay }
            if device.interruptInfo(.error).count > 0 {
                try device.setTriggers(.error, [errorEvent.raw])
                try relay.watch(errorEvent.raw, token: Token.error)
            }
            if device.interruptInfo(.request).count > 0 {
                try device.setTriggers(.request, [requestEvent.raw])
                try relay.watch(requestEvent.raw, token: Token.request)
            }
        } catch let error as VFIOError {
            throw .vfio(address, error)
        } catch let error as SystemCallError {
            throw .system(address, error)
        } catch {
            throw .unfit(address, reason: "\(error)")
        }
    }

    /// Returns the BARs: their kinds from the registers, their sizes from the regions.
    private static func readBARs(_ device: VFIODevice) throws(SystemCallError) -> [BAR] {
        var bars: [BAR] = []
        var index = 0
        while index < 6 {
            defer { index += 1 }
            let region = device.regions[index]
            guard region.size > 0 else { continue }
            let register = try device.read(VFIORegion.configIndex, UInt64(ConfigRegister.bars + 4 * index), width: 4)
            let kind: BAR.Kind = register & 1 != 0 ? .io : register & 6 == 4 ? .memory64 : .memory32
            if let bar = BAR(
                index: index, kind: kind, size: region.size, prefetchable: kind != .io && register & 8 != 0)
            {
                bars.append(bar)
            }
            if kind == .memory64 { index += 1 }
        }
        return bars
    }

    private func vector(_ token: UInt64) -> MessageVector? {
        state.withLock { state in state.kind.flatMap { state.slots[$0]?[Int(truncatingIfNeeded: token)]?.vector } }
    }

    private func onDevice<Result: ~Copyable>(_ body: () throws(VFIOError) -> Result) throws(AssignmentError) -> Result {
        do { return try body() } catch { throw .vfio(address, error) }
    }

    private func onMachine<Result>(_ body: () throws(KVMError) -> Result) throws(AssignmentError) -> Result {
        do { return try body() } catch { throw .kvm(address, error) }
    }

    private func onSystem<Result>(_ body: () throws(SystemCallError) -> Result) throws(AssignmentError) -> Result {
        do { return try body() } catch { throw .system(address, error) }
    }

    // MARK: Registers

    public func configSnapshot() throws(AssignmentError) -> [UInt8] {
        let size = min(Int(device.regions[VFIORegion.configIndex].size), 4096)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for offset in stride(from: 0, to: size, by: 4) {
            let word = try onSystem { () throws(SystemCallError) in
                try device.read(VFIORegion.configIndex, UInt64(offset), width: 4)
            }
            for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
        }
        return bytes
    }

    public func readConfig(_ offset: Int, width: Int) throws(AssignmentError) -> UInt32 {
        try onSystem { () throws(SystemCallError) in
            UInt32(truncatingIfNeeded: try device.read(VFIORegion.configIndex, UInt64(offset), width: width))
        }
    }

    public func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(AssignmentError) {
        try onSystem { () throws(SystemCallError) in
            try device.write(VFIORegion.configIndex, UInt64(offset), UInt64(value), width: width)
        }
    }

    public func readBAR(_ bar: Int, offset: UInt64, width: Int) throws(AssignmentError) -> UInt64 {
        try onSystem { () throws(SystemCallError) in try device.read(bar, offset, width: width) }
    }

    public func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) throws(AssignmentError) {
        try onSystem { () throws(SystemCallError) in try device.write(bar, offset, value, width: width) }
    }

    public func readROM() throws(AssignmentError) -> [UInt8] {
        let size = device.regions[VFIORegion.romIndex].size
        guard size > 0 else {
            throw .unfit(address, reason: "it has no expansion ROM that the host can read: leave out rom=on")
        }
        // The ROM is decoded only if memory is.
        try writeConfig(ConfigRegister.command, UInt32(Command.memorySpace.rawValue), width: 2)
        defer { try? writeConfig(ConfigRegister.command, 0, width: 2) }
        return try OptionROMReader.read(address, size: size) { offset, count throws(SystemCallError) in
            try device.read(VFIORegion.romIndex, offset, count: count)
        }
    }

    public func map(_ bar: BAR, trapped: [Range<UInt64>]) throws(AssignmentError) -> [PCIFunction.MappableRegion] {
        var areas: [PCIFunction.MappableRegion] = []
        for range in DirectRanges.of(device.regions[bar.index].mappable, without: trapped, barSize: bar.size) {
            let box = MappingBox(try onDevice { () throws(VFIOError) in try device.map(bar.index, range) })
            state.withLock { $0.mappings.append(box) }
            areas.append(
                PCIFunction.MappableRegion(
                    offset: range.lowerBound, count: range.upperBound - range.lowerBound, memory: box.mapping.base))
        }
        return areas
    }

    // MARK: INTx

    public func startINTx(_ line: InterruptLine, masked: Bool) throws(AssignmentError) {
        try disableLingering()
        _ = trigger.readCount()
        try onDevice { () throws(VFIOError) in try device.setTriggers(.intx, [trigger.raw]) }
        do throws(AssignmentError) {
            try onDevice { () throws(VFIOError) in try device.setUnmaskEvent(.intx, resample.raw) }
        } catch {
            try? disable(.intx)
            throw error
        }
        state.withLock {
            $0.line = line
            $0.everOnLine = line
        }
        guard !masked else { return }
        do throws(AssignmentError) {
            try attach(line)
        } catch {
            try? stopINTx()
            throw error
        }
    }

    public func stopINTx() throws(AssignmentError) {
        guard let line = state.withLock({ $0.line.take() }) else { return }
        var failure: AssignmentError?
        do throws(AssignmentError) {
            try onMachine { () throws(KVMError) in try line.detach(trigger: trigger.raw) }
        } catch { failure = error }
        try disable(.intx)
        if let failure { throw failure }
    }

    /// Disables an index; if that is refused, it is tried again before another one is enabled.
    private func disable(_ index: VFIODevice.InterruptIndex) throws(AssignmentError) {
        state.withLock { $0.lingering = index }
        try onDevice { () throws(VFIOError) in try device.disable(index) }
        state.withLock { $0.lingering = nil }
    }

    private func disableLingering() throws(AssignmentError) {
        if let index = state.withLock({ $0.lingering }) { try disable(index) }
    }

    public func setINTxMask(_ masked: Bool) throws(AssignmentError) {
        guard let line = state.withLock({ $0.line }) else { return }
        if masked {
            try onMachine { () throws(KVMError) in try line.detach(trigger: trigger.raw) }
        } else {
            // An event from the time of masking is stale: the kernel checks the device again when the bit is cleared.
            _ = trigger.readCount()
            try attach(line)
        }
    }

    private func attach(_ line: InterruptLine) throws(AssignmentError) {
        let source = InterruptLine.Source(trigger: trigger.raw, resample: resample.raw) { [device] in
            // Refused only while the index is disabled, and then nothing asserts.
            try? device.unmask(.intx)
        }
        try onMachine { () throws(KVMError) in try line.attach(source) }
    }

    // MARK: Messages

    private static func index(_ kind: MessageKind) -> VFIODevice.InterruptIndex { kind == .msi ? .msi : .msix }

    public func startMessages(_ kind: MessageKind, initial: Int) throws(AssignmentError) {
        let limit = vectorLimits[kind]?.count ?? 0
        guard limit > 0 else {
            throw .refused(address, call: "VFIO_DEVICE_SET_IRQS", reason: "the host offers no \(kind) for the device")
        }
        try disableLingering()
        // At least one vector, if necessary without an eventfd, so that the device's own enable bit follows the
        // guest's.
        let count = min(max(initial, 1), limit)
        var events = [Int32](repeating: -1, count: count)
        if kind == .msi {
            // A device loses an MSI that it sends before it has an eventfd: so all vectors get one first.
            for number in 0..<count { events[number] = try slot(kind, number).vector.event.raw }
        }
        let taken = try enable(kind, events)
        state.withLock { state in
            state.kind = kind
            state.enabled = taken
            if kind == .msi { for number in 0..<taken { state.slots[kind]?[number]?.hasTrigger = true } }
        }
    }

    /// Enables a disabled index, with as many of the vectors as the host has left.
    /// - Returns: the number of these.
    private func enable(_ kind: MessageKind, _ events: [Int32]) throws(AssignmentError) -> Int {
        do throws(VFIOError) {
            try device.setTriggers(Self.index(kind), events)
            return events.count
        } catch {
            guard case .fewerVectors(let left) = error, left < events.count else { throw .vfio(address, error) }
            try onDevice { () throws(VFIOError) in try device.setTriggers(Self.index(kind), Array(events[..<left])) }
            return left
        }
    }

    /// Returns the vector's part, created at its first use.
    private func slot(_ kind: MessageKind, _ number: Int) throws(AssignmentError) -> VectorState {
        if let known = state.withLock({ $0.slots[kind]?[number] }) { return known }
        let name = "\(address) \(kind) vector \(number)"
        let slot = VectorState(
            vector: try onSystem { () throws(SystemCallError) in
                try MessageVector(name, vm: vm, delivery: messageDelivery, routes: routes)
            })
        state.withLock { $0.slots[kind]?[number] = slot }
        return slot
    }

    public func stopMessages() throws(AssignmentError) {
        let stopped = state.withLock { state -> (MessageKind, [VectorState])? in
            guard let kind = state.kind else { return nil }
            let slots = state.slots[kind] ?? [:]
            for number in slots.keys {
                state.slots[kind]?[number]?.hasTrigger = false
                state.slots[kind]?[number]?.isPolled = false
            }
            state.kind = nil
            state.enabled = 0
            return (kind, Array(slots.values))
        }
        guard let (kind, slots) = stopped else { return }
        for slot in slots where slot.isPolled { relay.withLock { $0 }?.forget(slot.vector.event.raw) }
        defer { for slot in slots { slot.vector.stop() } }
        try disable(Self.index(kind))
    }

    public func setVector(_ number: Int, _ message: MSIMessage, masked: Bool) throws(AssignmentError) {
        guard let kind = state.withLock({ $0.kind }), number < vectorLimits[kind]?.count ?? 0 else { return }
        if masked, state.withLock({ $0.slots[kind]?[number] }) == nil { return }
        var slot = try slot(kind, number)
        if !masked, !slot.hasTrigger {
            try wire(kind, number, slot.vector)
            slot.hasTrigger = true
            state.withLock { $0.slots[kind]?[number]?.hasTrigger = true }
        }
        guard slot.hasTrigger else { return }
        let watch = try onMachine { () throws(KVMError) in try slot.vector.set(message, masked: masked) }
        let relay = relay.withLock { $0 }
        if watch, !slot.isPolled {
            try onSystem { () throws(SystemCallError) in try relay?.watch(slot.vector.event.raw, token: UInt64(number))
            }
        } else if !watch, slot.isPolled {
            relay?.forget(slot.vector.event.raw)
        }
        state.withLock { $0.slots[kind]?[number]?.isPolled = watch }
    }

    /// Connects the device's vector to its eventfd, which uses a host interrupt.
    private func wire(_ kind: MessageKind, _ number: Int, _ vector: MessageVector) throws(AssignmentError) {
        let index = Self.index(kind)
        let (enabled, slots) = state.withLock { ($0.enabled, $0.slots[kind] ?? [:]) }
        guard number >= enabled, vectorLimits[kind]?.isFixedSize ?? true else {
            try onDevice { () throws(VFIOError) in try device.setTriggers(index, start: number, [vector.event.raw]) }
            return state.withLock { $0.enabled = max($0.enabled, number + 1) }
        }
        // This kernel can't add vectors to an enabled index: all are disabled and enabled again with the new one.
        func events(_ count: Int) -> [Int32] {
            (0..<count).map { place in
                if place == number { return vector.event.raw }
                guard let slot = slots[place], slot.hasTrigger else { return -1 }
                return slot.vector.event.raw
            }
        }
        if enabled > 0 { try onDevice { () throws(VFIOError) in try device.disable(index) } }
        do throws(AssignmentError) {
            try onDevice { () throws(VFIOError) in try device.setTriggers(index, events(number + 1)) }
            state.withLock { $0.enabled = number + 1 }
        } catch {
            // Refused: the previous ones are enabled again without it.
            let taken = enabled > 0 ? (try? enable(kind, events(enabled))) ?? 0 : 0
            state.withLock { state in
                state.enabled = taken
                for place in slots.keys where place >= taken { state.slots[kind]?[place]?.hasTrigger = false }
            }
            throw error
        }
    }

    public func isPending(_ number: Int) -> Bool? {
        state.withLock { state in
            guard let slot = state.kind.flatMap({ state.slots[$0]?[number] }), slot.hasTrigger else { return nil }
            return slot.vector.isPending
        }
    }

    // MARK: Report and end

    public var interrupts: InterruptReport {
        state.withLock { state in
            var intx: InterruptCounts?
            if let line = state.everOnLine {
                intx = InterruptCounts()
                intx?.delivered = line.acknowledgedCount
            }
            var messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)] = []
            for kind in [MessageKind.msi, .msix] {
                for (number, slot) in (state.slots[kind] ?? [:]).sorted(by: { $0.key < $1.key })
                where slot.vector.wasUnmasked {
                    messages.append((number, kind, slot.vector.counts))
                }
            }
            return InterruptReport(intx: intx, messages: messages)
        }
    }

    public func release() {
        guard
            state.withLock({ state in
                defer { state.released = true }
                return !state.released
            })
        else { return }
        // Each step is tried whatever the result of the one before: the kernel undoes the rest when the descriptor
        // closes.
        try? stopMessages()
        try? stopINTx()
        try? device.write(VFIORegion.configIndex, UInt64(ConfigRegister.command), 0, width: 2)
        relay.withLock { $0.take() }?.stop()
        if device.canReset { try? device.reset() }
    }

    deinit { release() }
}
