import CLinux
import LinuxSystem

extension Hypervisor {
    /// Returns the model-specific registers that make up a vCPU's state: those that KVM lists (KVM_GET_MSR_INDEX_LIST,
    /// api.rst 4.3), and the memory type ranges, which KVM stores but does not list. The TSC precedes its deadline,
    /// which is last.
    public func msrIndices() throws(KVMError) -> [UInt32] {
        let listed = try KVMError.catching { () throws(SystemCallError) -> [UInt32] in
            // struct kvm_msr_list: a count, then the indices. No kernel lists more than 1024.
            var list = [UInt8](repeating: 0, count: 4 + 4 * 1024)
            list.withUnsafeMutableBytes { $0.storeBytes(of: UInt32(1024), as: UInt32.self) }
            try descriptor.ioctl(.getMSRIndexList, bytes: &list)
            return list.withUnsafeBytes { bytes in
                let count = min(Int(bytes.loadUnaligned(as: UInt32.self)), 1024)
                return (0..<count).map { bytes.loadUnaligned(fromByteOffset: 4 + 4 * $0, as: UInt32.self) }
            }
        }
        let ranges = MSR.memoryTypeRanges.filter { !listed.contains($0) }
        let ordered = (listed + ranges).filter { $0 != MSR.tscDeadline && $0 != MSR.tsc }
        return (listed.contains(MSR.tsc) ? [MSR.tsc] : []) + ordered
            + (listed.contains(MSR.tscDeadline) ? [MSR.tscDeadline] : [])
    }
}

extension MSR {
    /// IA32_TIME_STAMP_COUNTER.
    static let tsc: UInt32 = 0x10
    /// IA32_TSC_DEADLINE.
    static let tscDeadline: UInt32 = 0x6E0
    /// IA32_MTRR_DEF_TYPE, the variable and the fixed ranges; Intel SDM volume 3A, 12.11.
    static let memoryTypeRanges: [UInt32] =
        [0x2FF, 0x250, 0x258, 0x259] + Array(0x268...0x26F as ClosedRange<UInt32>)
        + Array(0x200...0x20F as ClosedRange<UInt32>)
}

extension VirtualCPU {
    /// Returns the values of model-specific registers in the given order, without those that this vCPU lacks.
    /// KVM_GET_MSRS, api.rst 4.18.
    func msrs(_ indices: [UInt32]) throws(KVMError) -> [MSR] {
        var values: [MSR] = []
        var rest = indices[...]
        // KVM stops at the first unknown register, and returns the number of those it read.
        while !rest.isEmpty {
            let read = try KVMError.catching { () throws(SystemCallError) -> [MSR] in
                var table = MSR.table(rest.map { MSR(index: $0, value: 0) })
                let count = Int(try descriptor.ioctl(.getMSRs, bytes: &table))
                return table.withUnsafeBytes { bytes in
                    (0..<min(count, rest.count)).map { number in
                        MSR(
                            index: bytes.loadUnaligned(fromByteOffset: 8 + 16 * number, as: UInt32.self),
                            value: bytes.loadUnaligned(fromByteOffset: 16 + 16 * number, as: UInt64.self))
                    }
                }
            }
            values += read
            rest = rest.dropFirst(read.count + 1)
        }
        return values
    }
}
