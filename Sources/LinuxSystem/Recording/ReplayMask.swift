import CLinux

/// The bytes of an ioctl's argument that differ from run to run: numbers of descriptors, addresses of our own memory.
///
/// An absent descriptor (-1) and an absent address (0) are the same in every run and don't belong here. A request with
/// such fields that is missing here is recorded with the values of that one run, and can't be replayed.
enum ReplayMask {
    /// Returns the varying bytes of a structure before the call.
    static func given(_ request: UInt, _ argument: UnsafeRawBufferPointer) -> [Range<Int>] {
        func word(_ offset: Int) -> UInt32 {
            offset + 4 <= argument.count ? argument.loadUnaligned(fromByteOffset: offset, as: UInt32.self) : 0
        }
        func descriptor(_ offset: Int) -> Range<Int>? {
            offset + 4 <= argument.count && Int32(bitPattern: word(offset)) >= 0 ? offset..<offset + 4 : nil
        }
        func address(_ offset: Int) -> Range<Int>? {
            offset + 8 <= argument.count && argument.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0
                ? offset..<offset + 8 : nil
        }
        switch request {
        case CL_KVM_SET_USER_MEMORY_REGION: return [address(24)].compactMap(\.self)
        case CL_KVM_IRQFD:
            // resamplefd counts only with KVM_IRQFD_FLAG_RESAMPLE.
            return [descriptor(0), word(8) & 2 != 0 ? descriptor(12) : nil].compactMap(\.self)
        case CL_KVM_IOEVENTFD: return [descriptor(20)].compactMap(\.self)
        case CL_KVM_SET_DEVICE_ATTR, CL_KVM_GET_DEVICE_ATTR, CL_KVM_HAS_DEVICE_ATTR:
            return [address(16)].compactMap(\.self)
        case CL_VFIO_GROUP_SET_CONTAINER: return [descriptor(0)].compactMap(\.self)
        case CL_VFIO_IOMMU_MAP_DMA: return [address(8)].compactMap(\.self)
        case CL_VFIO_DEVICE_SET_IRQS where word(4) & 4 != 0:  // VFIO_IRQ_SET_DATA_EVENTFD
            return stride(from: 20, to: argument.count, by: 4).compactMap(descriptor)
        default: return []
        }
    }

    /// Returns the place where the kernel puts the number of a new descriptor.
    static func newDescriptor(_ request: UInt, _ argument: UnsafeRawBufferPointer) -> Range<Int>? {
        guard request == CL_KVM_CREATE_DEVICE, argument.count >= 12 else { return nil }
        // KVM_CREATE_DEVICE_TEST makes none.
        return argument.loadUnaligned(fromByteOffset: 8, as: UInt32.self) & 1 == 0 ? 4..<8 : nil
    }

    /// Returns true if the result is a new descriptor.
    static func answersDescriptor(_ request: UInt) -> Bool {
        request == CL_KVM_CREATE_VM || request == CL_KVM_CREATE_VCPU || request == CL_VFIO_GROUP_GET_DEVICE_FD
    }
}
