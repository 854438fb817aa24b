import Glibc
import KVM
import PCI
import Testing
import TestSupport

@testable import Assignment
@testable import HostDevices
@testable import VMM

/// What KVM's own assignment is asked for, in which order, and what a guest sees of a function passed so.
@Suite struct LegacyBackendTests {
    private static let message = MSIMessage(address: 0xFEE0_1000, data: 0x41)
    private static let second = MSIMessage(address: 0xFEE0_2000, data: 0x42)

    @Test func aFunctionIsAssignedAndGivenBack() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        #expect(fixture.kernel.take() == ["ASSIGN_PCI_DEVICE 20 flags=3"])
        #expect(
            backend.bars.map { [UInt64($0.index), $0.size] } == [
                [0, 0x2_0000], [1, 0x2_0000], [2, 32], [3, 0x4000],
            ])
        #expect(backend.hasINTx)
        #expect(backend.kind == "kvm")
        #expect(backend.delivery == "route")
        let function = try fixture.function(backend)
        #expect(
            fixture.kernel.take() == ["write config 4 3 width=2", "ASSIGN_DEV_IRQ 101 gsi=16"],
            "decoders stay on, bus mastering is off")
        backend.release()
        #expect(
            fixture.kernel.take() == [
                "DEASSIGN_DEV_IRQ 101 gsi=0", "write config 4 0 width=2", "DEASSIGN_PCI_DEVICE 20 flags=0",
            ])
        backend.release()
        #expect(fixture.kernel.take().isEmpty)
        #expect(!fixture.kernel.isAssigned)
        withExtendedLifetime(function) {}
    }

    @Test(arguments: [(2, UInt32(0x0407), UInt32(0x0003)), (1, 0x04, 0x00)])
    func theMaskCallComesBeforeTheRegister(width: Int, set: UInt32, cleared: UInt32) throws {
        let fixture = try LegacyFixture()
        let function = try fixture.function(fixture.open())
        let offset = width == 1 ? 5 : 4
        _ = fixture.kernel.take()
        function.writeConfig(offset, set, width: width, remap: {})
        // MASK_INTX with PCI_2_3 in the argument; then the guest's own bits, over decoders that stay on.
        #expect(
            fixture.kernel.take() == [
                "ASSIGN_SET_INTX_MASK 20 flags=6", "write config \(offset) \(width == 1 ? "4" : "407") width=\(width)",
            ])
        #expect(function.readConfig(4, width: 2) & 0x400 == 0x400)
        function.writeConfig(offset, cleared, width: width, remap: {})
        #expect(
            fixture.kernel.take() == [
                "ASSIGN_SET_INTX_MASK 20 flags=2", "write config \(offset) \(width == 1 ? "0" : "3") width=\(width)",
            ])
        #expect(function.readConfig(4, width: 2) & 0x400 == 0)
        #expect(fixture.failures.all.isEmpty)
    }

    @Test("a write that does not change INTx-disable makes no other call")
    func unchangedINTxDisable() throws {
        let fixture = try LegacyFixture()
        let function = try fixture.function(fixture.open())
        function.writeConfig(4, 0x0406, width: 2, remap: {})
        _ = fixture.kernel.take()
        function.writeConfig(4, 0x0402, width: 2, remap: {})
        #expect(fixture.kernel.take() == ["write config 4 403 width=2"])
        function.writeConfig(4, 0x06, width: 1, remap: {})
        #expect(fixture.kernel.take() == ["write config 4 7 width=1"])
    }

    @Test("INTx-disable is read from the guest's view, whatever the device has")
    func intxDisableView() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        try backend.writeConfig(4, 0x0400, width: 2)
        #expect(function.readConfig(4, width: 2) & 0x400 == 0, "the kernel sets the physical bit for its own ends")
        #expect(try backend.readConfig(4, width: 2) == 0x0403)
    }

    @Test func withoutTheCallAMaskTakesTheLineOff() throws {
        let fixture = try LegacyFixture()
        fixture.kernel.set(capability: 75, 0)
        let function = try fixture.function(fixture.open())
        #expect(
            fixture.kernel.take() == [
                "ASSIGN_PCI_DEVICE 20 flags=1", "write config 4 3 width=2", "ASSIGN_DEV_IRQ 101 gsi=16",
            ])
        function.writeConfig(4, 0x0402, width: 2, remap: {})
        #expect(fixture.kernel.take() == ["DEASSIGN_DEV_IRQ 101 gsi=0", "write config 4 403 width=2"])
        #expect(function.readConfig(4, width: 2) == 0x0402)
        function.writeConfig(4, 0x0002, width: 2, remap: {})
        #expect(fixture.kernel.take() == ["ASSIGN_DEV_IRQ 101 gsi=16", "write config 4 3 width=2"])
    }

    @Test func aLineThatCannotBeSharedIsFedByMSI() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        _ = fixture.kernel.take()
        let line = try InterruptLine(gsi: 16, vm: fixture.vm)
        fixture.kernel.fail("ASSIGN_DEV_IRQ", EIO)
        #expect(throws: AssignmentError.self) { try backend.startINTx(line, masked: false) }
        #expect(fixture.kernel.take() == ["ASSIGN_DEV_IRQ 101 gsi=16", "ASSIGN_DEV_IRQ 102 gsi=16"])
        fixture.kernel.fail("ASSIGN_DEV_IRQ", EBUSY)
        #expect(throws: AssignmentError.self) { try backend.startINTx(line, masked: false) }
        #expect(fixture.kernel.take() == ["ASSIGN_DEV_IRQ 101 gsi=16"], "only an EIO says that the line is taken")
    }

    @Test func msiGoesThroughARouteOfItsOwn() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        let msi = LegacyFixture.msi
        function.writeConfig(msi + 4, 0xFEE0_1000, width: 4, remap: {})
        function.writeConfig(msi + 12, 0x41, width: 2, remap: {})
        _ = fixture.kernel.take()
        function.writeConfig(msi + 2, 1, width: 2, remap: {})
        #expect(
            fixture.kernel.take() == ["DEASSIGN_DEV_IRQ 101 gsi=0", "SET_GSI_ROUTING", "ASSIGN_DEV_IRQ 202 gsi=24"])
        function.writeConfig(msi + 12, 0x42, width: 2, remap: {})
        #expect(fixture.kernel.take() == ["SET_GSI_ROUTING"], "a new message is a new route, the interrupt stays")
        function.writeConfig(msi + 2, 0, width: 2, remap: {})
        #expect(
            fixture.kernel.take() == ["DEASSIGN_DEV_IRQ 202 gsi=0", "SET_GSI_ROUTING", "ASSIGN_DEV_IRQ 101 gsi=16"])
        #expect(fixture.kernel.messageRoutes == 0)
        #expect(fixture.failures.all.isEmpty)
        #expect(backend.interrupts.messages.map(\.vector) == [0])
    }

    @Test func messagesOfMSIAreOneAndWithoutMasks() throws {
        let fixture = try LegacyFixture()
        let function = try fixture.function(fixture.open())
        function.writeConfig(LegacyFixture.msi + 2, 0x71, width: 2, remap: {})
        #expect(function.readConfig(LegacyFixture.msi + 2, width: 2) & 0x18E == 0x80)
        #expect(fixture.kernel.irq == 0x202)
    }

    @Test("MSI-X vectors are delivered while they are unmasked")
    func msixDelivery() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        try backend.startMessages(.msix, initial: 0)
        _ = fixture.kernel.take()
        #expect(
            fixture.kernel.entries == [4: 24],
            "on as the guest has it on, with one masked entry")
        #expect(
            fixture.kernel.irq == 0x404,
            "on as the guest has it on, with one masked entry")
        #expect(try fixture.word(bar: 3, 4 * 16 + 12) == 1)
        try backend.setVectors([
            VectorSetting(number: 0, message: Self.message, isMasked: false),
            VectorSetting(number: 1, message: Self.second, isMasked: false),
            VectorSetting(number: 2, message: Self.second, isMasked: true),
        ])
        #expect(fixture.kernel.entries.keys.sorted() == [0, 1])
        #expect(fixture.kernel.messageRoutes == 2)
        #expect(
            fixture.kernel.take().filter { $0.hasPrefix("ASSIGN_DEV_IRQ") } == ["ASSIGN_DEV_IRQ 404 gsi=0"],
            "all at once")

        try backend.setVector(0, Self.message, masked: true)
        #expect(try fixture.word(bar: 3, 12) == 1, "masked in the device, where it pends")
        #expect(fixture.kernel.take().isEmpty)
        try backend.setVector(0, Self.second, masked: false)
        #expect(try fixture.word(bar: 3, 12) == 0)
        #expect(fixture.kernel.take() == ["SET_GSI_ROUTING"], "its route first, then the mask")

        try backend.setVector(1, Self.second, masked: true)
        try backend.setVector(2, Self.second, masked: false)
        #expect(
            fixture.kernel.entries.keys.sorted() == [0, 2],
            "one that is masked pends in the device until it is unmasked")
        #expect(fixture.kernel.messageRoutes == 2)
        try backend.setVector(1, Self.second, masked: false)
        #expect(fixture.kernel.entries.keys.sorted() == [0, 1, 2])
        try backend.stopMessages()
        #expect(fixture.kernel.irq == 0)
        #expect(fixture.kernel.messageRoutes == 0)
        #expect(fixture.routes.count == 0)
        #expect(backend.interrupts.messages.map(\.vector) == [0, 1, 2])
        #expect(backend.interrupts.messages.allSatisfy { $0.counts == nil }, "the kernel delivers unseen")
    }

    @Test func pendingBitsAreTheDevices() throws {
        let fixture = try LegacyFixture()
        let backend = try fixture.open()
        let function = try fixture.function(backend)
        function.writeConfig(LegacyFixture.msix + 2, 0x8000, width: 2, remap: {})
        try backend.writeBAR(3, offset: 0x2000, 0b101, width: 4)
        #expect(function.readBAR(3, offset: 0x2000, width: 4) == 0b101)
        #expect(
            function.readBAR(3, offset: 0, width: 4) == 0,
            "the table is the guest's own")
        #expect(
            function.readBAR(3, offset: 12, width: 4) == 1,
            "the table is the guest's own")
    }

    @Test func routesRunOutWithAClearError() throws {
        let fixture = try LegacyFixture()
        fixture.kernel.set(capability: 25, 40)
        let backend = try LegacyHost(fixture.vm, routes: MessageRoutes(vm: fixture.vm), tree: fixture.host.tree).open(
            LegacyFixture.address)
        try backend.startMessages(.msix, initial: 0)
        try backend.setVector(0, Self.message, masked: false)
        do {
            try backend.setVector(1, Self.second, masked: false)
            Issue.record("a route came from nowhere")
        } catch AssignmentError.kvm(_, .noRoute(let limit)) {
            #expect(limit == 1)
        }
        backend.release()
        #expect(fixture.kernel.messageRoutes == 0)
        #expect(!fixture.kernel.isAssigned)
    }

    @Test func aKernelsTableOf1024RoutesIsNeverOverrun() throws {
        let fixture = try LegacyFixture()
        var gsis: [UInt32] = []
        #expect(throws: KVMError.self) { while true { gsis.append(try fixture.routes.add(Self.message)) } }
        #expect(gsis.count == 985)
        #expect(gsis.max() == 1008)
        #expect(fixture.kernel.messageRoutes == 985)
        for gsi in gsis { try fixture.routes.remove(gsi) }
        #expect(fixture.kernel.messageRoutes == 0)
    }

    @Test func rangesAreMappedButForTheTable() throws {
        let fixture = try LegacyFixture()
        let function = try fixture.function(fixture.open())
        #expect(function.mappableRegions(0).map { [$0.offset, $0.count] } == [[0, 0x2_0000]])
        #expect(function.mappableRegions(3).map { [$0.offset, $0.count] } == [[0x1000, 0x1000], [0x3000, 0x1000]])
        #expect(function.mappableRegions(2).isEmpty)
        function.writeBAR(0, offset: 0x100, 0x1234_5678, width: 4)
        #expect(try fixture.word(bar: 0, 0x100) == 0x1234_5678)
        function.writeBAR(2, offset: 4, 0xABCD, width: 2)
        #expect(function.readBAR(2, offset: 4, width: 2) == 0xABCD)
        #expect(function.readBAR(0, offset: 0x1_FFFE, width: 4) == .max, "beyond the range nothing answers")
    }

    @Test func whatTheHostsKernelManagesStaysItsOwn() throws {
        let fixture = try LegacyFixture()
        let function = try fixture.function(fixture.open())
        _ = fixture.kernel.take()
        #expect(function.readConfig(0xE4, width: 4) >> 28 & 1 == 0, "no function-level reset behind the kernel's back")
        function.writeConfig(0xE8, 0x8010, width: 2, remap: {})
        function.writeConfig(0xCC, 0x0003, width: 2, remap: {})
        function.writeConfig(0x10, 0xFFFF_FFFF, width: 4, remap: {})
        #expect(
            fixture.kernel.take().isEmpty, "express control, power state and ranges are the guest's in its view alone")
        #expect(function.readConfig(0xCC, width: 2) & 3 == 3)
        #expect(function.readConfig(0x10, width: 4) == 0xFFFE_0000)
    }

    @Test func anEndWithoutWordsGivesEverythingBack() throws {
        let fixture = try LegacyFixture()
        do {
            let function = try fixture.function(fixture.open())
            function.writeConfig(LegacyFixture.msix + 2, 0x8000, width: 2, remap: {})
            #expect(fixture.kernel.irq == 0x404)
        }
        #expect(!fixture.kernel.isAssigned)
        #expect(fixture.kernel.messageRoutes == 0)
    }
}
