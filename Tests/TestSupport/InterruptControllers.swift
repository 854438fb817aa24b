public import X86

/// The state of interrupt controllers as KVM hands it out, made up.
public enum InterruptControllers {
    /// A local APIC's page with registers at their offsets.
    public static func localAPIC(_ registers: [Int: UInt32]) -> [UInt8] {
        var page = MemoryImage(count: 1024)
        for (offset, value) in registers { page.put(UInt64(value), at: UInt64(offset), width: 4) }
        return page.bytes
    }

    /// Two PICs with these requests, masks and lines in service, at vectors 0x20 and 0x28.
    public static func pic(requested: UInt16 = 0, masked: UInt16 = 0, inService: UInt16 = 0, base: UInt8 = 0x20) -> PIC?
    {
        func half(_ shift: UInt16) -> [UInt8] {
            let bytes = [requested, masked, inService].map { UInt8(truncatingIfNeeded: $0 >> shift) }
            return [0] + bytes + [0, base == 0 ? 0 : base + UInt8(shift)] + [UInt8](repeating: 0, count: 10)
        }
        return PIC(first: half(0), second: half(8))
    }
}
