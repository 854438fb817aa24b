import KVM

extension VirtualCPU {
    /// Wires LINT0 to the PIC (ExtINT) and LINT1 to NMI, as firmware leaves a PC. Intel SDM volume 3A, 11.5.1.
    func wireLocalInterrupts() throws(KVMError) {
        var page = try localAPIC()
        func set(_ offset: Int, deliveryMode: UInt8) {
            // Bits 10:8 delivery mode, bit 16 mask.
            page[offset + 1] = page[offset + 1] & 0xF8 | deliveryMode
            page[offset + 2] &= 0xFE
        }
        set(0x350, deliveryMode: 7)
        set(0x360, deliveryMode: 4)
        try setLocalAPIC(page)
    }
}
