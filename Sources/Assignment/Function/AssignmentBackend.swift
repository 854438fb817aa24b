public import PCI
public import VMM

/// The host's side of a passed-through function, for one kernel interface.
///
/// `AssignedFunction` decides what the guest sees and calls these functions in the order that the interfaces require; a
/// backend only carries them out. Calls that change state are serialized.
public protocol AssignmentBackend: AnyObject, Sendable {
    /// The function's address on the host, in sysfs's form.
    var address: String { get }
    /// The kernel interface's name in reports: `vfio-group`.
    var kind: String { get }
    /// The delivery of its messages to the guest, by its name in reports: `signal`, `irqfd`, `route`.
    var delivery: String { get }
    /// The layer between `writeConfig` and the device.
    var access: PassthroughLayout.Access { get }
    /// The function's BARs.
    var bars: [BAR] { get }
    /// True if it has an INTx line that the host can deliver.
    var hasINTx: Bool { get }

    /// Returns its configuration space on the host, 256 or 4096 bytes.
    func configSnapshot() throws(AssignmentError) -> [UInt8]
    func readConfig(_ offset: Int, width: Int) throws(AssignmentError) -> UInt32
    func writeConfig(_ offset: Int, _ value: UInt32, width: Int) throws(AssignmentError)

    /// Returns the expansion ROM's bytes, read once, with the function's decoders off before and after.
    /// - Throws: ``AssignmentError`` if it has none, or one that is too large, too slow or can't be read.
    func readROM() throws(AssignmentError) -> [UInt8]

    func readBAR(_ bar: Int, offset: UInt64, width: Int) throws(AssignmentError) -> UInt64
    func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) throws(AssignmentError)
    /// Maps the mappable parts of a memory BAR, except `trapped`.
    func map(_ bar: BAR, trapped: [Range<UInt64>]) throws(AssignmentError) -> [PCIFunction.MappableRegion]

    /// Lets the device's INTx assert a line of the guest.
    /// - Parameter masked: the guest's current INTx-disable bit.
    func startINTx(_ line: InterruptLine, masked: Bool) throws(AssignmentError)
    func stopINTx() throws(AssignmentError)
    /// Handles a change of the guest's INTx-disable bit. Called before the physical COMMAND register is written.
    func setINTxMask(_ masked: Bool) throws(AssignmentError)

    /// Prepares for messages.
    /// - Parameter initial: the number of vectors needed at once; more may follow through `setVector`.
    func startMessages(_ kind: MessageKind, initial: Int) throws(AssignmentError)
    func stopMessages() throws(AssignmentError)
    /// Sets the guest's message for a vector and its mask. Requests a host interrupt at the first unmask, not before.
    func setVector(_ vector: Int, _ message: MSIMessage, masked: Bool) throws(AssignmentError)
    /// Does the same for several vectors at once, as a mode starts.
    func setVectors(_ vectors: [VectorSetting]) throws(AssignmentError)
    /// Returns true if a masked vector holds an interrupt back; nil for a vector that was never unmasked, whose pending
    /// bit is the device's own.
    func isPending(_ vector: Int) -> Bool?

    /// The counts of the device's interrupts so far.
    var interrupts: InterruptReport { get }

    /// Stops everything, resets the device and releases it. The guest no longer runs.
    func release()
}

extension AssignmentBackend {
    public func setVectors(_ vectors: [VectorSetting]) throws(AssignmentError) {
        // A vector that the host refuses does not prevent the others.
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
