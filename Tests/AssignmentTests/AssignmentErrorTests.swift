import Assignment
import KVM
import LinuxSystem
import Testing
import VFIO

/// The sentences of VFIO's errors and of an assignment's, word for word; those of KVM's own assignment are in
/// Legacy/LegacyErrorTests.swift.
struct AssignmentErrorTests {
    private static let call = SystemCallError(call: "open", object: "/dev/vfio/7", errno: .permissionDenied)

    @Test func ofVFIO() {
        let sentences: [(VFIOError, String)] = [
            (
                .unavailable("/dev/vfio/vfio"),
                """
                /dev/vfio/vfio is not there: load VFIO (modprobe vfio-pci) and start the kernel with an IOMMU \
                (intel_iommu=on; AMD's is on by itself)
                """
            ),
            (
                .noPermission("/dev/vfio/7"),
                """
                /dev/vfio/7 may not be opened by this user: give it to the user (chown NAME /dev/vfio/7) or run as \
                root
                """
            ),
            (.unsupported("type 1 IOMMUs"), "this host's VFIO lacks type 1 IOMMUs"),
            (
                .groupBusy(group: 7),
                """
                IOMMU group 7 is in use by another program: end the one that holds /dev/vfio/7 (fuser -v /dev/vfio/7)
                """
            ),
            (
                .notViable(group: 7),
                """
                IOMMU group 7 is not viable: a member of it is bound to a host driver (swiftlet devices doctor names it)
                """
            ),
            (
                .memoryLock(bytes: 64 << 20),
                """
                64 MiB of guest memory can't be pinned for the device: raise the limit on locked memory (ulimit -l \
                131072, or LimitMEMLOCK= of the service) or give the guest less with --memory
                """
            ),
            (
                .fewerVectors(3),
                "VFIO_DEVICE_SET_IRQS: the host has 3 interrupt vectors left for the device, and it wants more"
            ),
            (.call(Self.call), "open on /dev/vfio/7: Permission denied"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }

    @Test func ofAnAssignment() {
        let address = "0000:00:04.0"
        let sentences: [(AssignmentError, String)] = [
            (.vfio(address, .unsupported("a")), "0000:00:04.0: this host's VFIO lacks a"),
            (.kvm(address, .call(Self.call)), "0000:00:04.0: open on /dev/vfio/7: Permission denied"),
            (.system(address, Self.call), "0000:00:04.0: open on /dev/vfio/7: Permission denied"),
            (.plug(address, .noSlot), "0000:00:04.0: all 31 PCI slots are taken"),
            (
                .noAccess(address, Self.call),
                """
                0000:00:04.0: /dev/vfio/7 may not be read and written by this user: run as root, or chown "$USER" \
                /dev/vfio/7
                """
            ),
            (.repeated(address), "0000:00:04.0 is given twice: a function can be passed to a guest once"),
            (.refused(address, call: "a", reason: "b"), "0000:00:04.0: a: b"),
            (.unfit(address, reason: "it is a bridge"), "0000:00:04.0: it is a bridge"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }
}
