import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing
import VFIO
import VMM

@testable import Assignment
@testable import VMM

/// What VFIO and KVM are asked for on behalf of a device, and what becomes of its interrupts.
@Suite struct VFIOBackendTests {
    private static let message = MSIMessage(address: 0x1234_FEE0_1000, data: 0x4041)

    /// A backend over doubles of the device and of KVM. With the default answer KVM delivers every message.
    private struct Parts {
        let vfio: VFIODouble
        let kvm = KernelDouble(asksKernel: false)
        let vm: VirtualMachine
        let backend: VFIOBackend
        let failures = AssignedFixture.Failures()
        let opening: [VFIODouble.Call]

        init(isFixedSize: Bool = false, delivery: MessageDelivery = .signal) throws {
            vfio = try VFIODouble(AssignedFixture.hardware, isFixedSize: isFixedSize)
            kvm.answer("KVM_SIGNAL_MSI", 1)
            kvm.answer("KVM_CHECK_EXTENSION", 4096)
            vm = virtualMachine(on: kvm)
            let failures = failures
            backend = try VFIOBackend(
                vfio.device(), vm: vm, delivery: delivery, routes: MessageRoutes(vm: vm)
            ) { failures.add($0) }
            opening = vfio.take()
        }

        var signals: [KernelDouble.Call] { kvm.calls("KVM_SIGNAL_MSI") }

        /// Unmasks a vector and gives the eventfd that its device signals from now on.
        func unmask(_ vector: Int, _ message: MSIMessage = message) throws -> Int32 {
            // Of MSI all vectors were given theirs as it started.
            let started = vfio.take()
            try backend.setVector(vector, message, masked: false)
            guard case .trigger(_, let start, let events)? = (started + vfio.take()).last,
                vector - start < events.count, events[vector - start] >= 0
            else {
                throw SystemCallError(call: "no eventfd for vector \(vector)", errno: .invalidArgument)
            }
            return events[vector - start]
        }

        func counts(_ vector: Int) -> InterruptCounts? {
            backend.interrupts.messages.first { $0.vector == vector }?.counts
        }
    }

    private static func fire(_ event: Int32) {
        var one: UInt64 = 1
        #expect(write(event, &one, 8) == 8)
    }

    @Test func aDeviceIsResetAndItsErrorsAreHeard() throws {
        let parts = try Parts()
        try #require(parts.opening.count == 3)
        #expect(parts.opening[0] == .reset)
        guard case .trigger(.error, 0, let error) = parts.opening[1],
            case .trigger(.request, 0, let request) = parts.opening[2]
        else {
            Issue.record("\(parts.opening)")
            return
        }
        #expect(parts.backend.hasINTx)
        #expect(parts.backend.bars.map { [UInt64($0.index), $0.size] } == [[0, 0x4000], [2, 32]])
        Self.fire(request[0])
        #expect(eventually { parts.failures.all.count == 1 })
        Self.fire(error[0])
        #expect(eventually { parts.failures.all.count == 2 })
        #expect(parts.failures.all.allSatisfy { $0.hasPrefix("0000:00:04.0: ") })
    }

    @Test("vectors are requested as they are unmasked, and not all at once")
    func vectorsOnUnmask() throws {
        let parts = try Parts()
        try parts.backend.startMessages(.msix, initial: 0)
        #expect(
            parts.vfio.take() == [.trigger(.msix, start: 0, [-1])],
            "enabled as the guest enabled it, with no interrupt taken")
        for vector in 0..<20 { try parts.backend.setVector(vector, Self.message, masked: true) }
        #expect(parts.vfio.take() == [])
        let event = try parts.unmask(3)
        #expect(event >= 0)
        try parts.backend.setVector(3, Self.message, masked: true)
        try parts.backend.setVector(3, Self.message, masked: false)
        #expect(parts.vfio.take() == [], "taken once")
        try parts.backend.setVector(20, Self.message, masked: false)
        #expect(parts.vfio.take() == [], "the device has no such vector")
        #expect(parts.backend.isPending(3) == false)
        #expect(parts.backend.isPending(4) == nil)
    }

    @Test("if vectors can't be added, all are enabled again with the new one")
    func addingVectors() throws {
        let parts = try Parts(isFixedSize: true)
        try parts.backend.startMessages(.msix, initial: 2)
        #expect(parts.vfio.take() == [.trigger(.msix, start: 0, [-1, -1])])
        try parts.backend.setVector(1, Self.message, masked: false)
        guard case .trigger(.msix, 1, let first)? = parts.vfio.take().first else {
            Issue.record("vector 1 is among those enabled")
            return
        }
        try parts.backend.setVector(4, Self.message, masked: false)
        let calls = parts.vfio.take()
        #expect(calls.first == .disable(.msix))
        guard case .trigger(.msix, 0, let events)? = calls.last else {
            Issue.record("\(calls)")
            return
        }
        try #require(events.count == 5)
        #expect(events[1] == first[0])
        #expect(events[4] >= 0)
        #expect([events[0], events[2], events[3]] == [-1, -1, -1])
    }

    @Test func aMessageIsDeliveredAsTheGuestProgrammedIt() throws {
        let parts = try Parts()
        try parts.backend.startMessages(.msix, initial: 0)
        let event = try parts.unmask(2)
        Self.fire(event)
        #expect(eventually { parts.counts(2)?.delivered == 1 })
        let signal = try #require(parts.signals.first)
        #expect([0, 4, 8, 12].map { signal.word($0) } == [0xFEE0_1000, 0x1200, 0x4041, 0])
        try parts.backend.setVector(2, MSIMessage(address: 0xFEE0_0000, data: 0x55), masked: false)
        Self.fire(event)
        #expect(eventually { parts.counts(2)?.delivered == 2 })
        #expect(parts.signals.last?.word(8) == 0x55)
    }

    @Test(arguments: [(1, [1, 0, 0]), (3, [1, 0, 0]), (0, [0, 1, 0]), (-EINVAL, [0, 0, 1])] as [(Int32, [UInt64])])
    func theThreeAnswersAreKeptApart(answer: Int32, expected: [UInt64]) throws {
        let parts = try Parts()
        parts.kvm.answer("KVM_SIGNAL_MSI", answer)
        try parts.backend.startMessages(.msi, initial: 1)
        Self.fire(try parts.unmask(0))
        #expect(eventually { parts.signals.count == 1 && parts.counts(0) != InterruptCounts() })
        let counts = try #require(parts.counts(0))
        #expect([counts.delivered, counts.blocked, counts.failed] == expected)
        #expect(counts.held == 0)
    }

    /// However often it fired while masked, it comes once when it is unmasked.
    @Test(arguments: [MessageDelivery.signal, .irqfd])
    func aMaskedVectorPendsAndFiresOnce(delivery: MessageDelivery) throws {
        let parts = try Parts(delivery: delivery)
        try parts.backend.startMessages(.msix, initial: 0)
        let event = try parts.unmask(1)
        try parts.backend.setVector(1, Self.message, masked: true)
        #expect(parts.backend.isPending(1) == false)
        for _ in 0..<3 { Self.fire(event) }
        #expect(parts.backend.isPending(1) == true)
        // A second vector goes through the same thread: what it would have done with the first one is done by now.
        if delivery == .signal {
            Self.fire(try parts.unmask(2, MSIMessage(address: 0xFEE0_0000, data: 0x99)))
            #expect(eventually { parts.counts(2)?.delivered == 1 })
            #expect(parts.signals.map { $0.word(8) } == [0x99])
            parts.kvm.forget()
        }
        try parts.backend.setVector(1, Self.message, masked: false)
        #expect(parts.signals.map { $0.word(8) } == [0x4041])
        #expect(parts.backend.isPending(1) == false)
        try parts.backend.setVector(1, Self.message, masked: true)
        try parts.backend.setVector(1, Self.message, masked: false)
        #expect(parts.signals.count == 1, "and no more")
        if delivery == .signal {
            #expect(parts.counts(1)?.held == 3)
            #expect(parts.counts(1)?.delivered == 1)
        } else {
            #expect(
                parts.backend.interrupts.messages.allSatisfy { $0.counts == nil }, "the kernel delivers; nobody counts")
        }
    }

    @Test func irqfdsComeAndGoWithTheMask() throws {
        let parts = try Parts(delivery: .irqfd)
        try parts.backend.startMessages(.msix, initial: 0)
        let event = try parts.unmask(0)
        let gsi = try #require(parts.kvm.calls("KVM_IRQFD").last?.word(4))
        let attached = try #require(parts.kvm.calls("KVM_IRQFD").last)
        #expect(attached.word(0) == UInt32(event))
        #expect(attached.word(8) == 0)
        let table = try #require(parts.kvm.calls("KVM_SET_GSI_ROUTING").last)
        let route = try #require((0..<Int(table.word(0))).first { table.word(8 + 48 * $0) == gsi })
        #expect([16, 20, 24].map { table.word(8 + 48 * route + $0) } == [0xFEE0_1000, 0x1200, 0x4041])
        #expect(
            parts.kvm.calls.map(\.name).suffix(2) == ["KVM_SET_GSI_ROUTING", "KVM_IRQFD"],
            "the route is there before the first message comes")
        parts.kvm.forget()
        try parts.backend.setVector(0, Self.message, masked: true)
        try #require(parts.kvm.calls.map(\.name) == ["KVM_IRQFD"])
        #expect(parts.kvm.calls[0].word(8) == 1)
        try parts.backend.stopMessages()
        let last = try #require(parts.kvm.calls("KVM_SET_GSI_ROUTING").last)
        #expect((0..<Int(last.word(0))).allSatisfy { last.word(8 + 48 * $0) != gsi }, "the route is given back")
    }

    @Test func whatWasHeldIsForgottenWhenMessagesStop() throws {
        let parts = try Parts()
        try parts.backend.startMessages(.msix, initial: 0)
        let event = try parts.unmask(0)
        try parts.backend.setVector(0, Self.message, masked: true)
        Self.fire(event)
        _ = parts.vfio.take()
        try parts.backend.stopMessages()
        #expect(parts.vfio.take() == [.disable(.msix)])
        #expect(parts.backend.isPending(0) == nil)
        try parts.backend.startMessages(.msix, initial: 0)
        _ = try parts.unmask(0)
        #expect(parts.signals.isEmpty)
        try parts.backend.stopMessages()
        try parts.backend.stopMessages()
        #expect(parts.vfio.take() == [.disable(.msix)], "stopped once")
    }

    @Test func msiAndMSIXKeepTheirVectorsApart() throws {
        let parts = try Parts()
        try parts.backend.startMessages(.msi, initial: 1)
        Self.fire(try parts.unmask(0, MSIMessage(address: 0xFEE0_0000, data: 0x31)))
        #expect(eventually { parts.signals.count == 1 })
        try parts.backend.stopMessages()
        try parts.backend.startMessages(.msix, initial: 0)
        Self.fire(try parts.unmask(0, MSIMessage(address: 0xFEE0_0000, data: 0x32)))
        #expect(eventually { parts.signals.map { $0.word(8) } == [0x31, 0x32] })
        #expect(
            eventually {
                parts.backend.interrupts.messages.map { [$0.kind == .msi, $0.counts?.delivered == 1] } == [
                    [true, true], [false, true],
                ]
            })
    }

    @Test("the line is connected and disconnected with the mask")
    func lineFollowsMask() throws {
        let parts = try Parts()
        let line = try InterruptLine(gsi: 17, vm: parts.vm)
        try parts.backend.startINTx(line, masked: false)
        let calls = parts.vfio.take()
        guard calls.count == 2, case .trigger(.intx, 0, let trigger) = calls[0],
            case .unmaskEvent(.intx, let resample) = calls[1]
        else {
            Issue.record("\(calls)")
            return
        }
        let attached = try #require(parts.kvm.calls("KVM_IRQFD").first)
        #expect([0, 4, 8, 12].map { attached.word($0) } == [UInt32(trigger[0]), 17, 2, UInt32(resample)])
        parts.kvm.forget()
        try parts.backend.setINTxMask(true)
        #expect(parts.kvm.calls("KVM_IRQFD").contains { $0.word(0) == UInt32(trigger[0]) && $0.word(8) & 1 == 1 })
        parts.kvm.forget()
        // An interrupt that came in as the mask went up is stale: the kernel looks again when the bit is cleared.
        Self.fire(trigger[0])
        try parts.backend.setINTxMask(false)
        #expect(parts.kvm.calls("KVM_IRQFD").first?.word(0) == UInt32(trigger[0]))
        var count: UInt64 = 0
        #expect(read(trigger[0], &count, 8) < 0)
        #expect(errno == EAGAIN)
        try parts.backend.stopINTx()
        #expect(parts.vfio.take() == [.disable(.intx)])
        try parts.backend.setINTxMask(true)
        try parts.backend.stopINTx()
        #expect(parts.vfio.take() == [], "there is no line any more")
    }

    @Test func aLineThatStartsMaskedIsNotConnected() throws {
        let parts = try Parts()
        try parts.backend.startINTx(InterruptLine(gsi: 17, vm: parts.vm), masked: true)
        #expect(parts.kvm.calls("KVM_IRQFD").isEmpty)
        try parts.backend.setINTxMask(false)
        #expect(parts.kvm.calls("KVM_IRQFD").first?.word(4) == 17)
    }

    @Test func refusalsNameTheDevice() throws {
        let parts = try Parts()
        parts.vfio.refuse(.msix)
        let error = #expect(throws: AssignmentError.self) { try parts.backend.startMessages(.msix, initial: 0) }
        guard case .vfio(let address, .call(let call))? = error else {
            Issue.record("\(error.map { "\($0)" } ?? "none")")
            return
        }
        #expect(address == "0000:00:04.0")
        #expect(call == SystemCallError(call: "VFIO_DEVICE_SET_IRQS", object: address, errno: .resourceBusy))
    }

    @Test func aReleasedDeviceIsQuietAndReset() throws {
        let parts = try Parts()
        try parts.backend.writeConfig(4, 0x0406, width: 2)
        try parts.backend.startMessages(.msix, initial: 0)
        _ = try parts.unmask(0)
        _ = parts.vfio.take()
        parts.backend.release()
        #expect(parts.vfio.take() == [.disable(.msix), .reset])
        #expect(parts.vfio.word(region: 7, 4) & 0xFFFF == 0)
        parts.backend.release()
        #expect(parts.vfio.take() == [])
    }
}
