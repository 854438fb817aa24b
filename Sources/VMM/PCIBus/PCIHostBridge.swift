import Bytes
import KVM
public import PCI
import Synchronization

/// The guest's PCI bus: decodes both configuration mechanisms, assigns BARs their first addresses, and keeps the map of
/// decoded BARs.
public final class PCIHostBridge: @unchecked Sendable {
    // @unchecked: `slots` and `placement` are complete before the first vCPU runs; the rest is guarded.

    /// The reason why a function can't be put on the bus.
    public enum PlugError: Error, CustomStringConvertible {
        case slotTaken(Int)
        case noSlot
        case noSpace(BAR)

        public var description: String {
            switch self {
            case .slotTaken(let slot): "PCI slot \(slot) is taken: give another with slot=N, 1...31"
            case .noSlot: "all 31 PCI slots are taken"
            case .noSpace(let bar):
                """
                BAR \(bar.index) of \(bar.size >> 10) KiB finds no room in the guest's \
                \(bar.isIO ? "I/O ports" : "device memory")
                """
            }
        }
    }

    private struct BARMemorySlot: Hashable {
        let guestAddress: UInt64
        let count: UInt64
        let memory: UInt
        let isReadOnly: Bool
    }

    private struct Mapped {
        var slots: [BARMemorySlot: UInt32] = [:]
        var free: [UInt32] = []
        var next: UInt32
    }

    private let vm: VirtualMachine
    private let memory: GuestMemory
    private let host: HostBridgeFunction
    private var slots: [PCIFunction?]
    /// The window for memory BARs below 4 GiB.
    let memoryWindow: Range<UInt64>
    private var placement: BARPlacement
    /// Functions whose BARs have no addresses yet.
    private var unplaced: [PCIFunction] = []
    private let latch = Atomic<UInt32>(0)
    private let mapped: Mutex<Mapped>
    private let current: Mutex<BARMap>
    private let generation = Atomic<UInt64>(0)
    private let withdrawals = Atomic<UInt64>(0)
    private let allowedWindows: [AddressRange]
    private let onMapFailure: @Sendable (String) -> Void

    /// - Parameters:
    ///   - window: for memory BARs below 4 GiB.
    ///   - hasFirmware: firmware places ECAM and BARs.
    ///   - firstMemorySlot: the bridge owns KVM memory slots from here on.
    ///   - onMapFailure: called if the host does not unmap a BAR's memory: the guest could access memory that it must
    ///     not.
    init(
        vm: VirtualMachine, memory: GuestMemory, firstMemorySlot: UInt32, physicalAddressBits: Int,
        window: Range<UInt64> = PhysicalLayout.memoryWindow,
        hasFirmware: Bool = false,
        onMapFailure: @escaping @Sendable (String) -> Void
    ) {
        self.vm = vm
        self.memory = memory
        let high = PhysicalLayout.highMemoryWindow(physicalAddressBits: physicalAddressBits)
        slots = Array(repeating: nil, count: 32)
        host = HostBridgeFunction(hasFirmware: hasFirmware)
        slots[0] = host
        memoryWindow = window
        placement = BARPlacement(low: window, high: high)
        let ramEnd = memory.regions.map { $0.range.upperBound }.max() ?? 0
        // Below 4 GiB a BAR may be anywhere between RAM and the interrupt controllers, except in ECAM.
        let ramLimit = memory.regions[0].range.upperBound
        let low =
            hasFirmware
            ? PhysicalLayout.firmwareECAM.upperBound..<PhysicalLayout.ecam.upperBound
            : ramLimit..<PhysicalLayout.ecam.lowerBound
        let highAllowed =
            max(ramEnd, PhysicalLayout.highRAMStart)..<max(high.upperBound, ramEnd, PhysicalLayout.highRAMStart)
        allowedWindows = [AddressRange(low), AddressRange(PhysicalLayout.upperMemoryWindow), AddressRange(highAllowed)]
        mapped = Mutex(Mapped(next: firstMemorySlot))
        current = Mutex(BARMap([]))
        self.onMapFailure = onMapFailure
    }

    // MARK: Before the guest starts

    /// A BAR without room, and its function.
    public struct NoRoom: Error {
        public let slot: Int
        public let bar: BAR
    }

    /// Puts a function on the bus, places its BARs and assigns a line to its pin.
    /// - Parameter slot: 1...31.
    public func plug(_ function: PCIFunction, slot: Int) throws(PlugError) {
        try attach(function, slot: slot)
        do throws(NoRoom) { try placeBARs() } catch { throw .noSpace(error.bar) }
    }

    /// Places the BARs of all attached functions.
    public func placeBARs() throws(NoRoom) {
        let bars = unplaced.flatMap { function in function.bars.map { (function: function, bar: $0) } }
        unplaced = []
        let addresses = placement.place(bars.map { BARPlacement.Need($0.bar.kind, size: $0.bar.size) })
        for (member, address) in zip(bars, addresses) {
            guard let address else {
                throw NoRoom(slot: slots.firstIndex { $0 === member.function } ?? 0, bar: member.bar)
            }
            member.function.assign(member.bar, address: address)
        }
    }

    /// Puts a function on the bus and assigns a line to its pin. `placeBARs` must follow.
    /// - Parameter slot: 1...31.
    public func attach(_ function: PCIFunction, slot: Int) throws(PlugError) {
        guard (1..<32).contains(slot), slots[slot] == nil else { throw .slotTaken(slot) }
        if function.interruptPin > 0 {
            function.assignInterruptLine(UInt8(PhysicalLayout.intxGSI(slot: slot, pin: function.interruptPin)))
        }
        slots[slot] = function
        function.slot = slot
        unplaced.append(function)
    }

    /// The name of the function in each slot; empty for a slot without one.
    var names: [String] { slots.map { $0?.name ?? "" } }

    /// Returns the first free slot that is not in `reserved`, for a function that needs its line before it is plugged.
    public func freeSlot(without reserved: Set<Int>) -> Int? {
        slots.indices.first { slots[$0] == nil && !reserved.contains($0) }
    }

    /// The function in a slot, 0...31.
    func function(inSlot slot: Int) -> PCIFunction? { slots[slot] }

    /// True if a function of the bus may send a message that a processor accepts with interrupts off.
    var sendsUnmaskableMessages: Bool { slots.contains { $0?.sendsUnmaskableMessages == true } }

    // MARK: The map

    /// Updates the map, and the guest's directly accessible memory, to the BARs that functions decode now.
    func remap() {
        mapped.withLock { mapped in
            let map = BARMap.make(
                slots.compactMap { $0 }, windows: allowedWindows, ports: AddressRange(PhysicalLayout.guestPortWindow))
            var wanted: Set<BARMemorySlot> = []
            for entry in map.entries where !entry.isIO {
                for area in entry.function.mappableRegions(entry.bar) {
                    wanted.insert(
                        BARMemorySlot(
                            guestAddress: entry.range.start + area.offset, count: area.count,
                            memory: UInt(bitPattern: area.memory),
                            isReadOnly: area.isReadOnly))
                }
            }
            for (slot, number) in mapped.slots where !wanted.contains(slot) {
                do {
                    try vm.removeMemory(slot: number)
                    mapped.slots[slot] = nil
                    mapped.free.append(number)
                } catch {
                    onMapFailure("taking a BAR at \(slot.guestAddress.hexadecimal) out of the guest: \(error)")
                }
            }
            for slot in wanted where mapped.slots[slot] == nil {
                guard let pointer = UnsafeMutableRawPointer(bitPattern: slot.memory) else { continue }
                let number = mapped.free.popLast() ?? mapped.next
                if number == mapped.next { mapped.next += 1 }
                do {
                    try vm.setMemory(
                        slot: number, guestAddress: slot.guestAddress, memory: pointer, count: slot.count,
                        readOnly: slot.isReadOnly)
                    mapped.slots[slot] = number
                } catch {
                    // Without the slot every access exits and is forwarded, which is slower but correct.
                    mapped.free.append(number)
                }
            }
            current.withLock { $0 = map }
            generation.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// Unmaps the memory of all BARs from the guest. For KVM_RUN's EFAULT, which doesn't give the failing address: the
    /// repeated access exits, as do all others until functions next change their decoded BARs.
    /// - Parameter known: the map's generation at the caller's last call; it is updated.
    /// - Returns: true if anything changed since then, so that entering the guest again may end differently.
    func withdrawMemory(_ known: inout UInt64?) -> Bool {
        mapped.withLock { mapped in
            var hasChanged = false
            for (slot, number) in mapped.slots {
                do {
                    try vm.removeMemory(slot: number)
                } catch {
                    onMapFailure("taking a BAR at \(slot.guestAddress.hexadecimal) out of the guest: \(error)")
                    continue
                }
                mapped.slots[slot] = nil
                mapped.free.append(number)
                hasChanged = true
            }
            if hasChanged {
                generation.wrappingAdd(1, ordering: .releasing)
                withdrawals.wrappingAdd(1, ordering: .relaxed)
            }
            // Another processor may have unmapped it meanwhile, or the guest moved it.
            let now = generation.load(ordering: .acquiring)
            if now != known { hasChanged = true }
            known = now
            return hasChanged
        }
    }

    /// The number of times that BARs' memory was unmapped because the host could not access it.
    public var withdrawalCount: UInt64 { withdrawals.load(ordering: .relaxed) }

    /// A vCPU's own copy of the map.
    struct BARMapSnapshot {
        fileprivate(set) var map = BARMap([])
        fileprivate var generation: UInt64 = .max
    }

    /// Updates a vCPU's copy; a load and a compare if nothing changed.
    @inline(__always)
    func refresh(_ view: inout BARMapSnapshot) {
        let now = generation.load(ordering: .acquiring)
        guard view.generation != now else { return }
        view.map = current.withLock { $0 }
        view.generation = now
    }

    // MARK: State

    /// What the guest set: the address latch of the configuration ports, and each function's registers by its slot.
    struct State: Sendable, Equatable {
        var addressLatch: UInt32
        var functions: [Int: DeviceState] = [:]
    }

    /// - Throws: where a function has a state that only its device knows.
    func save() throws(StateError) -> State {
        var state = State(addressLatch: addressLatch)
        for (slot, function) in slots.enumerated() {
            guard let function else { continue }
            guard let savable = function as? any Savable else { throw .notSavable(function.name) }
            state.functions[slot] = savable.saved()
        }
        return state
    }

    /// Puts a state in, and brings the map and the memory that the guest reaches without an exit up to it.
    func restore(_ state: State) throws(StateError) {
        addressLatch = state.addressLatch
        for (slot, function) in slots.enumerated() {
            let saved = state.functions[slot]
            guard let function, let saved else {
                guard function == nil, saved == nil else { throw .differs("PCI slot \(slot)") }
                continue
            }
            guard let savable = function as? any Savable else { throw .notSavable(function.name) }
            try savable.restore(saved: saved, of: function.name)
        }
        remap()
    }

    // MARK: Configuration

    /// Reads any width at any alignment: byte by byte, in naturally aligned pieces. All ones beyond the register space
    /// of `limit` bytes.
    func read(_ access: ConfigAccess, width: Int, limit: Int = 4096) -> UInt32 {
        guard let function = function(access) else { return .max }
        var value: UInt32 = 0
        var done = 0
        while done < width {
            let offset = access.offset + done
            let size = ConfigAccess.piece(at: offset, of: width - done)
            let piece = offset < limit ? function.readConfig(offset, width: size) : .max
            value |= UInt32(truncatingIfNeeded: UInt64(piece) & (1 << UInt64(8 * size) - 1)) << UInt32(8 * done)
            done += size
        }
        return value
    }

    /// Writes in the same way; drops writes beyond the register space.
    func write(_ access: ConfigAccess, _ value: UInt32, width: Int, limit: Int = 4096) {
        guard let function = function(access) else { return }
        var done = 0
        while done < width {
            let offset = access.offset + done
            let size = ConfigAccess.piece(at: offset, of: width - done)
            let piece = UInt32(truncatingIfNeeded: UInt64(value >> UInt32(8 * done)) & (1 << UInt64(8 * size) - 1))
            if offset < limit { function.writeConfig(offset, piece, width: size, remap: remap) }
            done += size
        }
    }

    /// Returns true if ECAM is decoded in a window that begins there.
    @inline(__always)
    fileprivate func hasECAM(at address: UInt64) -> Bool { host.ecam == address }

    private func function(_ access: ConfigAccess) -> PCIFunction? {
        access.bus == 0 && access.function == 0 ? slots[access.device] : nil
    }

    var addressLatch: UInt32 {
        get { latch.load(ordering: .relaxed) }
        set { latch.store(newValue, ordering: .relaxed) }
    }
}

/// Ports 0xCF8...0xCFF: configuration mechanism 1, and the reset control register at 0xCF9 (Intel ICH9 datasheet,
/// 13.7.5).
final class ConfigPorts: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: the bridge guards itself, and the register here is atomic.
    static let entry = BoardEntry("PCI configuration and reset control", at: 0xCF8, count: 8)
    static let resetPort: UInt16 = 0xCF9
    /// The value that resets everything.
    static let resetValue: UInt8 = 6

    private let bridge: PCIHostBridge
    private let runState: RunState
    private let resetControl = Atomic<UInt8>(0)

    init(_ bridge: PCIHostBridge, _ runState: RunState) {
        self.bridge = bridge
        self.runState = runState
    }

    /// Of the reset control register. The address latch is the bridge's.
    func save() -> UInt8 { resetControl.load(ordering: .relaxed) }
    func restore(_ state: UInt8) { resetControl.store(state, ordering: .relaxed) }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        if offset == 1, width == 1 { return UInt64(resetControl.load(ordering: .relaxed)) }
        guard offset >= 4 else { return offset == 0 && width == 4 ? UInt64(bridge.addressLatch) : .max }
        guard let access = ConfigAccess(latch: bridge.addressLatch, lane: Int(offset - 4)) else { return .max }
        return UInt64(bridge.read(access, width: min(width, 8 - Int(offset)), limit: 256))
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if offset == 0, width == 4 {
            bridge.addressLatch = UInt32(truncatingIfNeeded: value)
        } else if offset == 1, width == 1 {
            // Bit 1 selects a reset of the processor alone or of everything, bit 3 adds the power; bit 2 triggers it.
            // Here each of them resets everything.
            resetControl.store(UInt8(truncatingIfNeeded: value) & 0x0A, ordering: .relaxed)
            if value & 4 != 0 { runState.finish(.reset("reset control port 0xCF9")) }
        } else if offset >= 4, let access = ConfigAccess(latch: bridge.addressLatch, lane: Int(offset - 4)) {
            bridge.write(access, UInt32(truncatingIfNeeded: value), width: min(width, 8 - Int(offset)), limit: 256)
        }
    }
}

/// The ECAM window. An access is made in naturally aligned pieces of up to 4 bytes, each to its own function.
final class ECAM: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    private let bridge: PCIHostBridge
    /// The start of the window; it is decoded as long as PCIEXBAR says so.
    private let start: UInt64

    init(_ bridge: PCIHostBridge, at start: UInt64 = PhysicalLayout.ecam.lowerBound) {
        self.bridge = bridge
        self.start = start
    }

    private static let size: UInt64 = 1 << 28

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        guard bridge.hasECAM(at: start) else { return .max }
        var value: UInt64 = 0
        var done = 0
        while done < width {
            let place = offset + UInt64(done)
            let size = ConfigAccess.piece(at: Int(place & 3), of: width - done)
            let piece = place < Self.size ? bridge.read(ConfigAccess(ecamOffset: place), width: size) : .max
            value |= (UInt64(piece) & (1 << UInt64(8 * size) - 1)) << UInt64(8 * done)
            done += size
        }
        return value
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard bridge.hasECAM(at: start) else { return }
        var done = 0
        while done < width {
            let place = offset + UInt64(done)
            let size = ConfigAccess.piece(at: Int(place & 3), of: width - done)
            if place < Self.size {
                bridge.write(
                    ConfigAccess(ecamOffset: place), UInt32(truncatingIfNeeded: value >> UInt64(8 * done)), width: size)
            }
            done += size
        }
    }
}
