import CLinux
public import LinuxSystem
public import PCI

/// A virtual machine of KVM: the ioctls of api.rst on a VM descriptor. Several threads may use it, as the kernel's
/// interface allows.
public final class VirtualMachine: Sendable {
    let descriptor: Descriptor
    private let vcpuMapSize: Int
    /// Called for every line and message that goes through this VM's calls, on the thread that makes them. Must be set
    /// before the first of them and not changed later.
    nonisolated(unsafe) public var onInterrupt: (@Sendable (InterruptEvent) -> Void)?

    init(_ descriptor: consuming Descriptor, vcpuMapSize: Int) {
        self.descriptor = descriptor
        self.vcpuMapSize = vcpuMapSize
    }

    /// The VM descriptor's number, for the VFIO group's SET_KVM.
    public var raw: Int32 { descriptor.raw }

    /// The kernel interface of its ioctls. Devices of this machine use it too, so that a recording holds both.
    public var kernel: KernelInterface { descriptor.kernel }

    /// Returns this VM's value for a capability; zero if it lacks it.
    public func check(_ capability: Capability) -> Int {
        Int((try? descriptor.ioctl(.checkExtension, value: capability.number)) ?? 0)
    }

    /// Enables a capability. KVM_ENABLE_CAP, api.rst 4.37.
    public func enable(_ capability: Capability, _ argument: UInt64) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var enabling = kvm_enable_cap()
            enabling.cap = UInt32(capability.number)
            enabling.args.0 = argument
            try descriptor.ioctl(.enableCapability, &enabling)
        }
    }

    // MARK: Memory

    /// Maps host memory into the guest's physical address space. KVM_SET_USER_MEMORY_REGION, api.rst 4.35.
    /// - Parameters:
    ///   - slot: the slot's number, reused by a later call with the same number.
    ///   - guestAddress: page-aligned.
    ///   - memory: page-aligned; must stay mapped until the slot is removed or the VM is gone.
    ///   - readOnly: guest writes exit as MMIO.
    /// - Throws: EEXIST if the range overlaps another slot.
    public func setMemory(
        slot: UInt32, guestAddress: UInt64, memory: UnsafeMutableRawPointer, count: UInt64, readOnly: Bool = false
    ) throws(KVMError) {
        try setRegion(
            kvm_userspace_memory_region(
                slot: slot, flags: readOnly ? 2 : 0, guest_phys_addr: guestAddress, memory_size: count,
                userspace_addr: UInt64(UInt(bitPattern: memory))))
    }

    /// Removes a slot's memory from the guest.
    public func removeMemory(slot: UInt32) throws(KVMError) {
        try setRegion(
            kvm_userspace_memory_region(slot: slot, flags: 0, guest_phys_addr: 0, memory_size: 0, userspace_addr: 0))
    }

    private func setRegion(_ region: kvm_userspace_memory_region) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var region = region
            try descriptor.ioctl(.setUserMemoryRegion, &region)
        }
    }

    /// Sets the place of four pages that Intel hosts need for real mode: below 4 GiB, outside of RAM. KVM_SET_TSS_ADDR,
    /// KVM_SET_IDENTITY_MAP_ADDR, api.rst 4.18, 4.40.
    public func setIntelScratchPages(at address: UInt64) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var identityMap = address
            try descriptor.ioctl(.setIdentityMapAddress, &identityMap)
            try descriptor.ioctl(.setTSSAddress, value: UInt(address) + 0x1000)
        }
    }

    // MARK: Interrupts

    /// Creates two PICs, an IOAPIC, and a local APIC with each later vCPU, all in the kernel. api.rst 4.24.
    public func makeIRQChip() throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in _ = try descriptor.ioctl(.createIRQChip) }
    }

    /// Returns the I/O APIC's state, `struct kvm_ioapic_state`: base address, select, id, requests, padding, 24
    /// redirections of 8 bytes. KVM_GET_IRQCHIP, api.rst 4.26.
    public func ioapic() throws(KVMError) -> [UInt8] { try irqchip(2, count: 216) }

    /// Returns a PIC's state, `struct kvm_pic_state`. KVM_GET_IRQCHIP, api.rst 4.26.
    /// - Parameter number: 0 for the first, 1 for the second.
    public func pic(_ number: UInt8) throws(KVMError) -> [UInt8] { try irqchip(number, count: 16) }

    private func irqchip(_ number: UInt8, count: Int) throws(KVMError) -> [UInt8] {
        try KVMError.catching { () throws(SystemCallError) in
            // struct kvm_irqchip: the chip's number, padding, 512 bytes for any chip.
            var chip = [UInt8](repeating: 0, count: 520)
            chip[0] = number
            try descriptor.ioctl(.getIRQChip, bytes: &chip)
            return Array(chip[8..<8 + count])
        }
    }

    /// Creates the i8254 timer in the kernel, its speaker port (0x61) included. api.rst 4.71.
    public func makePIT() throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var configuration = kvm_pit_config()
            configuration.flags = 1  // KVM_PIT_SPEAKER_DUMMY
            try descriptor.ioctl(.createPIT2, &configuration)
        }
    }

    /// Sets the level of a GSI. api.rst 4.25.
    public func setLine(_ gsi: UInt32, _ level: Bool) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            // struct kvm_irq_level, whose union does not import as plain bits.
            var line = SIMD2<UInt32>(gsi, level ? 1 : 0)
            try descriptor.ioctl(.irqLine, &line)
        }
        onInterrupt?(.line(gsi: gsi, level: level))
    }

    /// Installs a routing table, which replaces the previous one. KVM_SET_GSI_ROUTING, api.rst 4.52.
    public func setRouting(_ routing: IRQRouting) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var table = routing.table
            try descriptor.ioctl(.setGSIRouting, bytes: &table)
        }
    }

    /// Lets the kernel inject a GSI whenever an eventfd is signalled. KVM_IRQFD, api.rst 4.75.
    /// - Parameter resample: for a level-triggered GSI: when the guest acknowledges it, it is lowered and this eventfd
    ///   is signalled.
    public func attachIRQFD(_ gsi: UInt32, event: Int32, resample: Int32? = nil) throws(KVMError) {
        try irqfd(gsi, event: event, resample: resample, flags: resample == nil ? 0 : 2)
    }

    /// Undoes `attachIRQFD`. Removing the last resampling irqfd of a GSI lowers its line (virt/kvm/eventfd.c,
    /// irqfd_resampler_shutdown).
    public func detachIRQFD(_ gsi: UInt32, event: Int32, resample: Int32? = nil) throws(KVMError) {
        try irqfd(gsi, event: event, resample: resample, flags: 1)
    }

    private func irqfd(_ gsi: UInt32, event: Int32, resample: Int32?, flags: UInt32) throws(KVMError) {
        try KVMError.catching { () throws(SystemCallError) in
            var argument = kvm_irqfd()
            argument.fd = UInt32(bitPattern: event)
            argument.gsi = gsi
            argument.flags = flags
            argument.resamplefd = UInt32(bitPattern: resample ?? 0)
            try descriptor.ioctl(.irqfd, &argument)
        }
    }

    /// Lets the kernel signal an eventfd when the guest writes to an address, without an exit. KVM_IOEVENTFD, api.rst
    /// 4.59.
    /// - Parameters:
    ///   - port: true if `address` is an I/O port.
    ///   - length: 1, 2, 4 or 8 bytes; 0 for any.
    public func attachIOEventFD(address: UInt64, port: Bool, length: UInt32, event: Int32, detach: Bool = false)
        throws(KVMError)
    {
        try KVMError.catching { () throws(SystemCallError) in
            var argument = kvm_ioeventfd()
            argument.addr = address
            argument.len = length
            argument.fd = event
            argument.flags = (port ? 2 : 0) | (detach ? 4 : 0)
            try descriptor.ioctl(.ioeventfd, &argument)
        }
    }

    /// Delivers a message to the guest's local APICs. KVM_SIGNAL_MSI, api.rst 4.70.
    /// - Parameter source: the sender's name, for `onInterrupt`.
    /// - Returns: `.delivered` for a result above zero, `.blocked` for zero.
    /// - Throws: a result below zero, as without an in-kernel irqchip (EINVAL).
    public func signal(_ message: MSIMessage, from source: String = "") throws(KVMError) -> MSIDelivery {
        var delivery: MSIDelivery?
        defer { onInterrupt?(.message(message, delivery, source: source)) }
        let answer = try deliver(message)
        delivery = answer
        return answer
    }

    private func deliver(_ message: MSIMessage) throws(KVMError) -> MSIDelivery {
        try KVMError.catching { () throws(SystemCallError) in
            var argument = kvm_msi()
            argument.address_lo = UInt32(truncatingIfNeeded: message.address)
            argument.address_hi = message.upperWord
            argument.data = message.data
            return try descriptor.ioctl(.signalMSI, &argument) > 0 ? .delivered : .blocked
        }
    }

    // MARK: Parts

    /// Creates a vCPU; its number is its APIC id. api.rst 4.7.
    public func makeVirtualCPU(_ number: UInt32) throws(KVMError) -> VirtualCPU {
        try KVMError.catching { () throws(SystemCallError) in
            let raw = try descriptor.ioctl(.createVCPU, value: UInt(number))
            let vcpu = Descriptor(owning: raw, object: "vCPU \(number)", kernel: descriptor.kernel)
            return try VirtualCPU(vcpu, number: number, mapSize: vcpuMapSize)
        }
    }

    /// Creates a device of the device control interface. KVM_CREATE_DEVICE, api.rst 4.79.
    public func makeDevice(_ type: DeviceControl.Kind) throws(KVMError) -> DeviceControl {
        try KVMError.catching { () throws(SystemCallError) in
            var argument = kvm_create_device()
            argument.type = type.rawValue
            try descriptor.ioctl(.createDevice, &argument)
            return DeviceControl(
                Descriptor(
                    owning: Int32(bitPattern: argument.fd), object: "KVM device \(type)", kernel: descriptor.kernel))
        }
    }

    /// Returns true if a device type can be created, by KVM_CREATE_DEVICE_TEST: KVM_CAP_DEVICE_CTRL is 0 even on some
    /// hosts that can.
    public func canMakeDevice(_ type: DeviceControl.Kind) -> Bool {
        var argument = kvm_create_device()
        argument.type = type.rawValue
        argument.flags = 1
        return (try? descriptor.ioctl(.createDevice, &argument)) != nil
    }
}
