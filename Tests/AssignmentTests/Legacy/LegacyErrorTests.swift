import Glibc
import KVM
import LinuxSystem
import PCI
import Testing
import TestSupport
import VMM

@testable import Assignment
@testable import HostDevices

/// Each of KVM's assignment calls failing with each errno that Linux 4.4 gives: the message says what it means and what
/// to do, and nothing stays assigned.
@Suite struct LegacyErrorTests {
    /// A call, an errno, and words that the message must have.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let call: String
        let errno: Int32
        let words: String
        var testDescription: String { "\(call) \(errno)" }

        init(_ call: String, _ errno: Int32, _ words: String) {
            self.call = call
            self.errno = errno
            self.words = words
        }
    }

    static let assigning = [
        Refusal("ASSIGN_PCI_DEVICE", EINVAL, "alone in its group"),
        Refusal("ASSIGN_PCI_DEVICE", EEXIST, "assigned to this virtual machine already"),
        Refusal("ASSIGN_PCI_DEVICE", ENOMEM, "give the guest less"),
        Refusal("ASSIGN_PCI_DEVICE", EPERM, "allow_unsafe_assigned_interrupts"),
        Refusal("ASSIGN_PCI_DEVICE", ENOENT, "run as root"), Refusal("ASSIGN_PCI_DEVICE", EACCES, "chown"),
        Refusal("ASSIGN_PCI_DEVICE", EBUSY, "another virtual machine does"),
        Refusal("ASSIGN_PCI_DEVICE", ENODEV, "intel_iommu=on"), Refusal("ASSIGN_PCI_DEVICE", ENOTTY, "backend=group"),
    ]

    @Test func whoHoldsAFunctionIsNamed() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.add(.pci(5), driver: "vfio-pci", group: 4)
        try host.add(.pci(6), driver: "pci-stub")
        for (process, target) in [(4711, "/dev/vfio/4"), (4712, "anon_inode:kvm-vm")] {
            try host.tree.create("proc/\(process)/comm", "vmm-\(process)\n")
            try host.tree.create("proc/\(process)/fd/.keep", "")
            try host.link("proc/\(process)/fd/7", target)
        }
        func words(_ number: UInt8) -> String { FunctionHolder.words(.pci(number), tree: host.tree) }
        #expect(
            words(4) == "the host driver e1000e holds its ranges: swiftlet devices bind --driver pci-stub 0000:00:04.0")
        #expect(words(5) == "process 4711 (vmm-4711) has it open: end process 4711")
        #expect(
            words(6)
                == """
                no driver of the host has it, so another virtual machine does, which must end first: process 4712 \
                (vmm-4712) runs one
                """
        )
        let error = SystemCallError(call: "KVM_ASSIGN_PCI_DEVICE", object: "0000:00:06.0", errno: .resourceBusy)
        #expect(PCIAssignmentError(error: error, holder: words(6)).description.contains(words(6)))
    }

    @Test(arguments: assigning) func aFunctionThatIsRefusedIsNotAssigned(refusal: Refusal) throws {
        let fixture = try LegacyFixture()
        fixture.kernel.fail(refusal.call, refusal.errno)
        do {
            _ = try fixture.open()
            Issue.record("it was assigned")
        } catch {
            Self.check("\(error)", refusal)
        }
        #expect(!fixture.kernel.isAssigned)
        #expect(fixture.kernel.irq == 0)
        #expect(fixture.kernel.messageRoutes == 0)
        #expect(fixture.kernel.take() == ["ASSIGN_PCI_DEVICE 20 flags=3"], "what was not assigned is not given back")
    }

    static let line = [
        Refusal("ASSIGN_DEV_IRQ", EINVAL, "interrupt controllers"),
        Refusal("ASSIGN_DEV_IRQ", ENODEV, "does not know the function"),
        Refusal("ASSIGN_DEV_IRQ", EEXIST, "KVM_DEASSIGN_DEV_IRQ comes first"),
        Refusal("ASSIGN_DEV_IRQ", EIO, "can't share it"),
        Refusal("ASSIGN_DEV_IRQ", ENOTTY, "no such call"), Refusal("ASSIGN_DEV_IRQ", EOPNOTSUPP, "KVM_ASSIGN_IRQ"),
    ]

    @Test(arguments: line) func aLineThatIsRefusedEndsTheAssignment(refusal: Refusal) throws {
        let fixture = try LegacyFixture()
        fixture.kernel.fail(refusal.call, refusal.errno)
        do {
            _ = try fixture.function(fixture.open())
            Issue.record("it has its line")
        } catch {
            Self.check("\(error)", refusal)
        }
        #expect(!fixture.kernel.isAssigned)
        #expect(fixture.kernel.irq == 0)
        #expect(fixture.kernel.take().last == "DEASSIGN_PCI_DEVICE 20 flags=0")
    }

    static let messages = [
        Refusal("ASSIGN_SET_MSIX_NR", EINVAL, "counted before"), Refusal("ASSIGN_SET_MSIX_NR", ENOMEM, "out of memory"),
        Refusal("ASSIGN_SET_MSIX_ENTRY", EINVAL, "does not know the function"),
        Refusal("ASSIGN_SET_MSIX_ENTRY", ENOSPC, "than were counted"),
        Refusal("ASSIGN_DEV_IRQ", ENOSPC, "fewer interrupt vectors"),
        Refusal("ASSIGN_DEV_IRQ", ENOMEM, "out of memory"),
        Refusal("ASSIGN_DEV_IRQ", EIO, "have the guest use MSI"),
        Refusal("DEASSIGN_DEV_IRQ", ENODEV, "does not know the function"),
        Refusal("DEASSIGN_DEV_IRQ", EINVAL, "interrupt controllers"),
        Refusal("SET_GSI_ROUTING", EINVAL, "KVM_SET_GSI_ROUTING"),
    ]

    /// A host without memory or without the device ends the run; the rest is the guest's affair, and counted.
    @Test("a refusal of MSI-X ends the run only if the host failed", arguments: messages) func refusedMSIX(
        refusal: Refusal
    ) throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        fixture.kernel.fail(refusal.call, refusal.errno)
        function.writeConfig(LegacyFixture.msix + 2, 0x8000, width: 2, remap: {})
        if [ENOMEM, ENODEV].contains(refusal.errno) {
            #expect(fixture.failures.all.count == 1)
            Self.check(fixture.failures.all.first ?? "", refusal)
        } else {
            // Tried again with the guest's next write, as long as it is refused.
            #expect(fixture.failures.all == [])
            #expect(function.refusals.first?.call == "KVM_\(refusal.call)")
            fixture.kernel.fail(refusal.call, nil)
            function.writeConfig(LegacyFixture.msix + 2, 0x8000, width: 2, remap: {})
            #expect(fixture.failures.all == [])
        }
        backend.release()
        #expect(!fixture.kernel.isAssigned, "DEASSIGN_PCI_DEVICE frees what is left")
        #expect(fixture.kernel.irq == 0, "DEASSIGN_PCI_DEVICE frees what is left")
        fixture.kernel.fail(refusal.call, nil)
        #expect(fixture.routes.count == 0)
    }

    @Test func anInterruptThatWasNeverAssignedIsNoError() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        fixture.kernel.fail("DEASSIGN_DEV_IRQ", ENXIO)
        function.writeConfig(LegacyFixture.msi + 2, 0, width: 2, remap: {})
        try backend.stopINTx()
        #expect(fixture.failures.all.isEmpty)
    }

    @Test func aMaskThatIsRefusedReachesNoRegister() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        _ = fixture.kernel.take()
        fixture.kernel.fail("ASSIGN_SET_INTX_MASK", ENODEV)
        function.writeConfig(4, 0x0402, width: 2, remap: {})
        #expect(fixture.kernel.take() == ["ASSIGN_SET_INTX_MASK 20 flags=6"])
        try #require(fixture.failures.all.count == 1)
        #expect(fixture.failures.all[0].contains("does not know the function"))
    }

    @Test func aFunctionThatIsNotTakenBackIsReset() throws {
        let fixture = try LegacyFixture()
        try fixture.host.tree.create("\(HostFilesystem.folder(LegacyFixture.address))/reset", "")
        let backend = try fixture.open()
        fixture.kernel.fail("DEASSIGN_PCI_DEVICE", EINVAL)
        backend.release()
        #expect(try fixture.host.tree.text("\(HostFilesystem.folder(LegacyFixture.address))/reset") == "1")
    }

    private static func check(_ message: String, _ refusal: Refusal) {
        #expect(message.contains(refusal.words), "\(message)")
        #expect(message.contains("KVM_\(refusal.call)"), "\(message)")
        #expect(message.contains("0000:00:04.0"), "\(message)")
        #expect(!message.hasSuffix("."))
        #expect(!message.contains("\n"))
    }

    // MARK: Hosts without it

    @Test func aHostWithoutTheInterfaceSaysWhatToUse() throws {
        let fixture = try LegacyFixture()
        fixture.kernel.set(capability: 29, 0)
        do {
            _ = try fixture.open()
            Issue.record("it was assigned")
        } catch {
            #expect("\(error)".hasPrefix("0000:00:04.0: "), "\(error)")
            #expect("\(error)".hasSuffix("use VFIO: backend=group"), "\(error)")
        }
        #expect(fixture.kernel.take().isEmpty)
    }

    @Test(arguments: [
        ("6.1.0-37-amd64", true), ("4.12.0", true), ("4.11.12", false), ("4.4.302+", false), ("3.10.0-1160.el7", false),
    ])
    func theReasonFollowsTheRelease(release: String, isGone: Bool) {
        let sentence = AssignmentInterface.absence(release: release)
        #expect(sentence.contains(release))
        #expect(sentence.contains("went with Linux 4.12") == isGone)
        #expect(sentence.contains("CONFIG_KVM_DEVICE_ASSIGNMENT") == !isGone)
    }

    @Test func anIOMMUThatIsOffIsNamed() throws {
        let fixture = try LegacyFixture()
        fixture.kernel.set(capability: 18, 0)
        #expect(throws: AssignmentError.self) { try fixture.open() }
        #expect(fixture.kernel.take().isEmpty)
    }

    @Test func waysToDeliverThatItHasNotAreRefused() throws {
        let fixture = try LegacyFixture()
        #expect(throws: AssignmentError.self) {
            try LegacyHost.demand(.kvm, on: fixture.vm, for: LegacyFixture.address, delivery: .irqfd)
        }
        try LegacyHost.demand(.group, on: fixture.vm, for: LegacyFixture.address, delivery: .irqfd)
    }

    @Test func theChoiceFallsOnVFIOWhereItIsThere() throws {
        let host = try HostFixture()
        #expect(AssignmentInterface.choose(isOffered: true, tree: host.tree) == .kvm)
        #expect(AssignmentInterface.choose(isOffered: false, tree: host.tree) == .group)
        try host.tree.create("dev/vfio/vfio", "")
        #expect(AssignmentInterface.choose(isOffered: true, tree: host.tree) == .group)
    }

    @Test("a host driver is reported with a command that fixes it", arguments: ["e1000e", "ahci"]) func hostDriver(
        driver: String
    ) throws {
        let fixture = try LegacyFixture(driver: driver)
        do {
            try DeviceReadiness(.kvm, tree: fixture.host.tree).demand(LegacyFixture.address, guestMemory: 0)
            Issue.record("it passes for ready")
        } catch {
            #expect(error == .isHeld(LegacyFixture.address, driver: driver))
            #expect("\(error)".hasSuffix("swiftlet devices bind --driver pci-stub 0000:00:04.0"))
        }
    }

    @Test(arguments: ["pci-stub", "vfio-pci", nil]) func aFunctionThatNobodyHoldsIsReady(driver: String?) throws {
        let fixture = try LegacyFixture(driver: driver)
        try DeviceReadiness(.kvm, tree: fixture.host.tree).demand(LegacyFixture.address, guestMemory: 0)
    }
}
