import KVM

/// The model-specific registers as firmware leaves them, since kernels start here without firmware.
enum FirmwareMSRs {
    private enum Index {
        static let featureControl: UInt32 = 0x3A
        static let miscellaneousEnable: UInt32 = 0x1A0
        static let rangeBase: UInt32 = 0x200
        static let rangeMask: UInt32 = 0x201
        static let defaultType: UInt32 = 0x2FF
    }

    /// - Parameters:
    ///   - cpuid: the guest's CPUID table.
    ///   - start: the start of the devices below 4 GiB; a multiple of 256 MiB.
    static func values(_ cpuid: CPUID, devicesFrom start: UInt64 = PhysicalLayout.lowRAMLimit) -> [MSR] {
        var values: [MSR] = []
        let features = cpuid.entry(1)
        if let features, features.edx & 1 << 12 != 0 {
            // Memory is write-back except for the devices below 4 GiB. With MTRRs off all of it would be uncached
            // (Intel SDM volume 3A, 12.11), which Intel hosts enforce once a device is passed through. Some systems use
            // PAT only if MTRRs are on. A range is as large as its alignment: at most three from 256 MiB below 3 GiB
            // on.
            var place = start
            var number: UInt32 = 0
            while place > 0, place < PhysicalLayout.highRAMStart {
                let size = place & ~(place - 1)
                let mask = (UInt64(1) << UInt64(cpuid.physicalAddressBits) - 1) & ~(size - 1)
                values += [
                    MSR(index: Index.rangeBase + 2 * number, value: place),
                    MSR(index: Index.rangeMask + 2 * number, value: mask | 1 << 11),
                ]
                place += size
                number += 1
            }
            values.append(MSR(index: Index.defaultType, value: 1 << 11 | 6))
        }
        if cpuid.isIntel {
            // Fast string instructions, without which systems avoid them; no branch trace store, no PEBS.
            values.append(MSR(index: Index.miscellaneousEnable, value: 1 | 1 << 11 | 1 << 12))
            // VMX is allowed outside SMX, and the setting is locked: the guest's own KVM checks this.
            if let features, features.ecx & 1 << 5 != 0 {
                values.append(MSR(index: Index.featureControl, value: 0b101))
            }
        }
        return values
    }
}

extension VirtualCPU {
    /// Sets registers as firmware would; registers that this KVM refuses are left unchanged.
    func setFirmwareMSRs(_ values: [MSR]) throws(KVMError) {
        var rest = values[...]
        while !rest.isEmpty { rest = rest.dropFirst(try setMSRs(Array(rest)) + 1) }
    }
}
