import CLinux
import LinuxSystem

/// A device made by KVM_CREATE_DEVICE and controlled by attributes. Documentation/virt/kvm/devices/.
public struct DeviceControl: ~Copyable, Sendable {
    /// The device types of `enum kvm_device_type`.
    public enum Kind: UInt32, Sendable {
        /// Registers VFIO files with the VM; Documentation/virt/kvm/devices/vfio.rst. One per VM: a second one fails
        /// with EBUSY.
        case vfio = 4
        /// POWER9's interrupt controller; fails on an x86 host with ENODEV.
        case xive = 9
    }

    private let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) {
        self.descriptor = descriptor
    }

    /// Writes an attribute. KVM_SET_DEVICE_ATTR, api.rst 4.80.
    public func set<Value: BitwiseCopyable>(group: UInt32, attribute: UInt64, _ value: Value) throws(KVMError) {
        var value = value
        try call(.setDeviceAttribute, group, attribute, &value)
    }

    /// Reads an attribute. KVM_GET_DEVICE_ATTR.
    public func get<Value: BitwiseCopyable>(group: UInt32, attribute: UInt64, _ value: inout Value) throws(KVMError) {
        try call(.getDeviceAttribute, group, attribute, &value)
    }

    /// Returns true if the device has an attribute. KVM_HAS_DEVICE_ATTR.
    public func has(group: UInt32, attribute: UInt64) -> Bool {
        var argument = kvm_device_attr(flags: 0, group: group, attr: attribute, addr: 0)
        return (try? descriptor.ioctl(.hasDeviceAttribute, &argument)) != nil
    }

    private func call<Value: BitwiseCopyable>(
        _ request: IoctlRequest, _ group: UInt32, _ attribute: UInt64, _ value: inout Value
    ) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            let failure = withUnsafeMutableBytes(of: &value) { bytes -> SystemCallError? in
                var argument = kvm_device_attr(
                    flags: 0, group: group, attr: attribute, addr: UInt64(UInt(bitPattern: bytes.baseAddress)))
                do throws(SystemCallError) {
                    try descriptor.ioctl(request, &argument)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        }
    }
}
