public import PCI
public import VMM

/// The host's side of a passed-through function: whatever kernel interface hands it out.
///
/// `AssignedFunction` decides what the guest sees and calls these in the order that the interfaces ask for; a backend
/// only carries out. Calls that change state come one at a time.
public protocol AssignmentBackend: AnyObject, Sendable {
    /// The host's address of the function, as sysfs writes it.
    var address: String { get }
    /// The kernel interface it uses, as reports name it: `vfio-group`.
    var kind: String { get }
    /// How its messages reach the guest, as reports name it: `signal`, `irqfd`, `route`.
    var delivery: String { get }
    /// What lies between `writeConfig` and the device.
    var access: PassthroughLayout.Access { get }
    /// The function's BARs.
    var bars: [BAR] { get }
    /// Whether it has an INTx line that the host can deliver.
    var hasINTx: Bool { get }

    /// Its configuration space as the host shows it, 256 or 4096 bytes.
    func configSnapshot() throws(AssignmentError) -> [UInt8]
    func readConfig(_ offset: Int, width: Int) throws(AssignmentError) -> UInt32
    func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(AssignmentError)

    /// The expansion ROM's bytes, read once, the function's decoders off before and after.
    /// - Throws: ``AssignmentError`` where it has none, or one that is too large, too slow or can't be read.
    func readROM() throws(AssignmentError) -> [UInt8]

    func readBAR(_ bar: Int, offset: UInt64, width: Int) throws(AssignmentError) -> UInt64
    func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) throws(AssignmentError)
    /// Maps what can be mapped of a memory BAR, but for `trapped`.
    func map(_ bar: BAR, trapped: [Range<UInt64>]) throws(AssignmentError) -> [PCIFunction.MappableRegion]

    /// Lets the device's INTx assert a line of the guest.
    /// - Parameter masked: the guest's INTx-disable bit as it stands.
    func startINTx(_ line: InterruptLine, masked: Bool) throws(AssignmentError)
    func stopINTx() throws(AssignmentError)
    /// The guest changed INTx-disable. Called before the physical COMMAND register is written.
    func setINTxMask(_ masked: Bool) throws(AssignmentError)

    /// Gets ready for messages.
    /// - Parameter initial: how many vectors are wanted at once; more may follow through `setVector`.
    func startMessages(_ kind: MessageKind, initial: Int) throws(AssignmentError)
    func stopMessages() throws(AssignmentError)
    /// The guest's message for a vector and whether it is masked. Takes a host interrupt at the first unmask, not
    /// before.
    func setVector(_ vector: Int, _ message: MSIMessage, masked: Bool) throws(AssignmentError)
    /// The same for several vectors at once, as a mode starts.
    func setVectors(_ vectors: [VectorSetting]) throws(AssignmentError)
    /// Whether a masked vector holds an interrupt back; nil for a vector that was never unmasked, whose pending bit is
    /// the device's own.
    func isPending(_ vector: Int) -> Bool?

    /// What became of the device's interrupts so far.
    var interrupts: InterruptReport { get }

    /// Stops everything, resets the device and lets it go. The guest no longer runs.
    func release()
}

extension AssignmentBackend {
    public func setVectors(_ vectors: [VectorSetting]) throws(AssignmentError) {
        // One that the host refuses keeps none of the others.
        var refusal: AssignmentError?
        for vector in vectors {
            do throws(AssignmentError) {
                try setVector(vector.number, vector.message, masked: vector.isMasked)
            } catch {
                guard !error.isHostFailure(for: .device) else { throw error }
                refusal = refusal ?? error
            }
        }
        if let refusal { throw refusal }
    }
}
