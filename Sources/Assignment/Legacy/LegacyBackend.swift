public import KVM
import LinuxSystem
public import PCI
import Synchronization
public import VMM

/// A function that KVM itself assigns (`PCIAssignment`), with its registers accessed through sysfs.
///
/// Here the physical INTx-disable bit has two owners: the kernel sets it while an interrupt waits for the guest, and
/// clears it when the guest acknowledges it; the guest's own value reaches it through `writeConfig`. So KVM gets the
/// guest's value first, and the written value is always the guest's, never one read from the device (api.txt 4.60;
/// docs/intx-disable.md). Messages go from the kernel to the guest through GSI routes and are never seen here.
public final class LegacyBackend: AssignmentBackend {
    private struct Vector {
        var message: MSIMessage
        var masked: Bool
        /// The GSI of the route with `routed`; nil if the kernel does not deliver the vector.
        var gsi: UInt32?
        var routed: MSIMessage
    }

    private struct State {
        /// The guest's line in INTx mode, and the state of its INTx-disable bit.
        var line: InterruptLine?
        var everOnLine: InterruptLine?
        /// The interrupt that KVM_ASSIGN_DEV_IRQ assigned and KVM_DEASSIGN_DEV_IRQ must return.
        var assigned: (host: PCIAssignment.HostInterrupt, guest: PCIAssignment.GuestInterrupt)?
        var kind: MessageKind?
        var vectors: [Int: Vector] = [:]
        /// The route of the table entry that keeps MSI-X enabled while the guest has no vector unmasked.
        var placeholder: UInt32?
        /// Vectors that were ever unmasked.
        var used: [MessageKind: Set<Int>] = [:]
        /// True from KVM_ASSIGN_PCI_DEVICE to `release`. Otherwise the device is the host's and must not be touched.
        var isOurs = false
    }

    public let address: String
    public let kind = "kvm"
    public let delivery = "route"
    public let access = PassthroughLayout.Access.raw
    public let bars: [BAR]
    public let hasINTx: Bool
    /// Its configuration space before it was assigned.
    private let hardware: [UInt8]
    private let assignment: PCIAssignment
    private let function: SysfsFunction
    private let routes: MessageRoutes
    /// True if KVM_ASSIGN_SET_INTX_MASK exists, and the function was assigned to share its line.
    private let hasMaskCall: Bool
    private let msix: MSIXCapability?
    private let hasMSI: Bool
    /// The decoders that stay on in the physical COMMAND register.
    private let decoders: Command
    private let reset: @Sendable () -> Void
    private let state = Mutex(State())

    /// Assigns a function whose files are open.
    /// - Parameters:
    ///   - hasINTx: the host has an interrupt line for it.
    ///   - hasMaskCall: the host has KVM_CAP_PCI_2_3.
    ///   - reset: resets the function by other means, for a kernel that would not take it back.
    init(
        _ assignment: PCIAssignment, _ function: SysfsFunction, hasINTx: Bool, hasMaskCall: Bool, routes: MessageRoutes,
        reset: @escaping @Sendable () -> Void
    ) throws(AssignmentError) {
        self.assignment = assignment
        self.function = function
        self.routes = routes
        self.hasMaskCall = hasMaskCall
        self.hasINTx = hasINTx
        self.reset = reset
        address = assignment.address
        bars = function.bars
        var decoders: Command = []
        if bars.contains(where: \.isIO) { decoders.insert(.ioSpace) }
        if bars.contains(where: { !$0.isIO }) { decoders.insert(.memorySpace) }
        self.decoders = decoders
        let bytes = try Self.onFiles(assignment.address) { () throws(SystemCallError) in try function.snapshot() }
        hardware = bytes
        let capabilities = Capability.list(bytes)
        msix = capabilities.first { $0.id == Capability.msix }.flatMap { MSIXCapability(bytes, at: $0.offset) }
        hasMSI = capabilities.contains { $0.id == Capability.msi }
        try onKernel { () throws(PCIAssignmentError) in
            try assignment.assign(hasMaskCall ? [.enableIOMMU, .pci23] : .enableIOMMU)
        }
        state.withLock { $0.isOurs = true }
    }

    private func onKernel<Result>(_ body: () throws(PCIAssignmentError) -> Result) throws(AssignmentError) -> Result {
        do { return try body() } catch { throw .legacy(error) }
    }

    private func onRoutes<Result>(_ body: () throws(KVMError) -> Result) throws(AssignmentError) -> Result {
        do { return try body() } catch { throw .kvm(address, error) }
    }

    private static func onFiles<Result>(_ address: String, _ body: () throws(SystemCallError) -> Result)
        throws(AssignmentError) -> Result
    {
        do { return try body() } catch { throw .system(address, error) }
    }

    // MARK: Registers

    public func configSnapshot() throws(AssignmentError) -> [UInt8] { hardware }

    public func readConfig(_ offset: Int, width: Int) throws(AssignmentError) -> UInt32 {
        try Self.onFiles(address) { () throws(SystemCallError) in try function.readConfig(offset, width: width) }
    }

    public func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(AssignmentError) {
        var value = value
        // The host's kernel switched the decoders on, and accesses the MSI-X table through them. They are a constant
        // here, so that the write is the guest's value and no read-modify-write.
        let distance = ConfigRegister.command - offset
        if (0..<width).contains(distance) { value |= UInt32(decoders.rawValue) << UInt32(8 * distance) }
        let physical = value
        try Self.onFiles(address) { () throws(SystemCallError) in
            try function.writeConfig(offset, physical, width: width)
        }
    }

    public func readROM() throws(AssignmentError) -> [UInt8] {
        guard let rom = function.rom else {
            throw .unfit(address, reason: "it has no expansion ROM that the host can read: leave out rom=on")
        }
        do throws(SystemCallError) { try rom.enable(true) } catch { throw .system(address, error) }
        defer { try? rom.enable(false) }
        return try OptionROMReader.read(address, size: rom.size) { offset, count throws(SystemCallError) in
            try rom.read(offset, count: count)
        }
    }

    public func readBAR(_ bar: Int, offset: UInt64, width: Int) throws(AssignmentError) -> UInt64 {
        try Self.onFiles(address) { () throws(SystemCallError) in try function.read(bar, offset, width: width) }
    }

    public func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) throws(AssignmentError) {
        try Self.onFiles(address) { () throws(SystemCallError) in try function.write(bar, offset, value, width: width) }
    }

    public func map(_ bar: BAR, trapped: [Range<UInt64>]) throws(AssignmentError) -> [PCIFunction.MappableRegion] {
        guard let memory = function.memory(of: bar.index) else { return [] }
        return DirectRanges.of([0..<bar.size], without: trapped, barSize: bar.size).map {
            PCIFunction.MappableRegion(
                offset: $0.lowerBound, count: $0.upperBound - $0.lowerBound, memory: memory + Int($0.lowerBound))
        }
    }

    // MARK: INTx

    public func startINTx(_ line: InterruptLine, masked: Bool) throws(AssignmentError) {
        try state.withLock { state throws(AssignmentError) in
            state.line = line
            state.everOnLine = line
            // Counting is optional: hosts before Linux 3.8 lack it.
            try? line.startCountingAcks()
            if hasMaskCall || !masked { try assignLine(&state) }
        }
    }

    public func stopINTx() throws(AssignmentError) {
        try state.withLock { state throws(AssignmentError) in
            state.line = nil
            try deassign(&state)
        }
    }

    public func setINTxMask(_ masked: Bool) throws(AssignmentError) {
        guard hasMaskCall else {
            // Without the call the bit exists only in the guest's view: while masked, its line is detached and so
            // lowered.
            return try state.withLock { state throws(AssignmentError) in
                guard state.line != nil else { return }
                if masked { try deassign(&state) } else { try assignLine(&state) }
            }
        }
        // In every mode: KVM keeps the bit for the next time the function is in INTx mode.
        try onKernel { () throws(PCIAssignmentError) in try assignment.setINTxMask(masked, sharing: true) }
    }

    private func assignLine(_ state: inout State) throws(AssignmentError) {
        guard let gsi = state.line?.gsi, state.assigned == nil else { return }
        do throws(PCIAssignmentError) {
            try assignment.assignIRQ(.intx, .intx, gsi: gsi)
            state.assigned = (.intx, .intx)
        } catch {
            // Another driver holds the line exclusively: the device signals the host by MSI, and the guest still sees
            // its line.
            guard hasMSI, error.error.errno == .ioError else { throw .legacy(error) }
            try onKernel { () throws(PCIAssignmentError) in try assignment.assignIRQ(.msi, .intx, gsi: gsi) }
            state.assigned = (.msi, .intx)
        }
    }

    private func deassign(_ state: inout State) throws(AssignmentError) {
        guard let (host, guest) = state.assigned.take() else { return }
        try onKernel { () throws(PCIAssignmentError) in _ = try assignment.deassignIRQ(host, guest) }
    }

    // MARK: Messages

    public func startMessages(_ kind: MessageKind, initial: Int) throws(AssignmentError) {
        guard kind == .msi ? hasMSI : msix != nil else {
            throw .refused(address, call: "KVM_ASSIGN_DEV_IRQ", reason: "the device has no \(kind)")
        }
        try state.withLock { state throws(AssignmentError) in
            state.kind = kind
            state.vectors = [:]
            // With MSI-X the device's own enable bit follows the guest's at once, so that masked vectors are pending in
            // the device.
            if kind == .msix { try rewire(&state) }
        }
    }

    public func stopMessages() throws(AssignmentError) {
        try state.withLock { state throws(AssignmentError) in
            guard state.kind.take() != nil else { return }
            defer { giveBackRoutes(&state) }
            try deassign(&state)
        }
    }

    private func giveBackRoutes(_ state: inout State) {
        // In the vectors' order, so that two runs of the same guest make the same calls.
        for (_, vector) in state.vectors.sorted(by: { $0.key < $1.key }) {
            if let gsi = vector.gsi { try? routes.remove(gsi) }
        }
        if let gsi = state.placeholder.take() { try? routes.remove(gsi) }
        state.vectors = [:]
    }

    public func setVector(_ number: Int, _ message: MSIMessage, masked: Bool) throws(AssignmentError) {
        try setVectors([VectorSetting(number: number, message: message, isMasked: masked)])
    }

    public func setVectors(_ vectors: [VectorSetting]) throws(AssignmentError) {
        try state.withLock { state throws(AssignmentError) in
            guard let kind = state.kind else { return }
            // Calls that the kernel refused earlier are repeated.
            var mustRewire = kind == .msix && state.assigned == nil
            for setting in vectors where setting.number < (kind == .msi ? 1 : msix?.vectorCount ?? 0) {
                let (number, message, masked) = (setting.number, setting.message, setting.isMasked)
                let before = state.vectors[number]
                var vector = before ?? Vector(message: message, masked: true, gsi: nil, routed: message)
                vector.message = message
                vector.masked = masked
                state.vectors[number] = vector
                if !masked { state.used[kind, default: []].insert(number) }
                if vector.gsi == nil || state.assigned == nil {
                    mustRewire = mustRewire || !masked
                } else {
                    try follow(number, wasMasked: before?.masked ?? true, kind, &state)
                }
            }
            if mustRewire { try kind == .msi ? wireMSI(&state) : rewire(&state) }
        }
    }

    /// Updates the route and the device's mask of a vector that the kernel delivers. Unmasking comes last, so that a
    /// pending interrupt arrives as the new message.
    private func follow(_ number: Int, wasMasked: Bool, _ kind: MessageKind, _ state: inout State)
        throws(AssignmentError)
    {
        guard var vector = state.vectors[number], let gsi = vector.gsi else { return }
        if !vector.masked, vector.routed != vector.message {
            try onRoutes { () throws(KVMError) in try routes.update(gsi, vector.message) }
            vector.routed = vector.message
            state.vectors[number] = vector
        }
        if kind == .msix, vector.masked != wasMasked { try setDeviceMask(number, vector.masked) }
    }

    /// Sets the mask bit in the device's own table, so that it keeps the interrupt pending as the guest expects. PCI
    /// Local Bus 3.0, 6.8.2.9.
    private func setDeviceMask(_ number: Int, _ masked: Bool) throws(AssignmentError) {
        guard let msix else { return }
        try writeBAR(msix.tableBAR, offset: msix.tableOffset + UInt64(number) * 16 + 12, masked ? 1 : 0, width: 4)
    }

    private func wireMSI(_ state: inout State) throws(AssignmentError) {
        guard var vector = state.vectors[0] else { return }
        let gsi = try route(&vector)
        state.vectors[0] = vector
        try onKernel { () throws(PCIAssignmentError) in try assignment.assignIRQ(.msi, .msi, gsi: gsi) }
        state.assigned = (.msi, .msi)
    }

    /// Sets a route to the vector's message: its own, or a new one.
    /// - Returns: the route's GSI.
    private func route(_ vector: inout Vector) throws(AssignmentError) -> UInt32 {
        let gsi: UInt32
        if let taken = vector.gsi {
            gsi = taken
            if vector.routed != vector.message {
                let message = vector.message
                try onRoutes { () throws(KVMError) in try routes.update(gsi, message) }
            }
        } else {
            gsi = try addRoute(vector.message)
        }
        vector.gsi = gsi
        vector.routed = vector.message
        return gsi
    }

    private func addRoute(_ message: MSIMessage) throws(AssignmentError) -> UInt32 {
        try onRoutes { () throws(KVMError) in try routes.add(message) }
    }

    /// Makes the kernel deliver exactly the vectors that are unmasked now. It accepts only the whole set, so all are
    /// removed and added again; those that stay masked are pending in the device meanwhile.
    private func rewire(_ state: inout State) throws(AssignmentError) {
        guard let msix else { return }
        try deassign(&state)
        if let gsi = state.placeholder.take() { try onRoutes { () throws(KVMError) in try routes.remove(gsi) } }
        var entries: [(entry: Int, gsi: UInt32)] = []
        for (number, known) in state.vectors.sorted(by: { $0.key < $1.key }) {
            var vector = known
            if vector.masked {
                if let gsi = vector.gsi.take() { try onRoutes { () throws(KVMError) in try routes.remove(gsi) } }
            } else {
                entries.append((number, try route(&vector)))
            }
            state.vectors[number] = vector
        }
        var refusal: AssignmentError?
        if entries.count > PCIAssignment.messageLimit {
            for (number, gsi) in entries[PCIAssignment.messageLimit...] {
                state.vectors[number]?.gsi = nil
                try onRoutes { () throws(KVMError) in try routes.remove(gsi) }
            }
            refusal = .refused(
                address, call: "KVM_ASSIGN_SET_MSIX_NR",
                reason: "KVM's own assignment delivers \(PCIAssignment.messageLimit) vectors of a function")
            entries.removeSubrange(PCIAssignment.messageLimit...)
        }
        if entries.isEmpty {
            // The last entry is the one least likely in use, and is masked again at once; its message addresses no
            // processor.
            let gsi = try addRoute(MSIMessage(address: 0xFEEF_E000, data: 0xFF))
            state.placeholder = gsi
            entries = [(msix.vectorCount - 1, gsi)]
        }
        let wanted = entries
        try onKernel { () throws(PCIAssignmentError) in
            try assignment.setMessageCount(wanted.count)
            for (entry, gsi) in wanted { try assignment.setMessageEntry(entry, gsi: gsi) }
            try assignment.assignIRQ(.msix, .msix)
        }
        state.assigned = (.msix, .msix)
        if state.placeholder != nil { try setDeviceMask(msix.vectorCount - 1, true) }
        if let refusal { throw refusal }
    }

    /// Returns nil: masked vectors are pending in the device itself.
    public func isPending(_ vector: Int) -> Bool? { nil }

    // MARK: Report and end

    public var interrupts: InterruptReport {
        state.withLock { state in
            var intx: InterruptCounts?
            if let line = state.everOnLine, line.countsAcks {
                intx = InterruptCounts()
                intx?.delivered = line.acknowledgedCount
            }
            let messages = [MessageKind.msi, .msix].flatMap { kind in
                (state.used[kind] ?? []).sorted().map { (vector: $0, kind: kind, counts: InterruptCounts?.none) }
            }
            return InterruptReport(intx: intx, messages: messages)
        }
    }

    public func release() {
        let wasOurs = state.withLock { state in
            defer { state.isOurs = false }
            return state.isOurs
        }
        guard wasOurs else { return }
        // Each step is tried whatever the result of the one before: the kernel undoes the rest when the virtual
        // machine's descriptor closes.
        state.withLock { state in
            try? deassign(&state)
            giveBackRoutes(&state)
        }
        try? function.writeConfig(ConfigRegister.command, 0, width: 2)
        do { try assignment.deassign() } catch { reset() }
    }

    deinit { release() }
}
