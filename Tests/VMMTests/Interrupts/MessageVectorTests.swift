import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import VMM

/// A vector's life against this host's KVM: what the guest's local APIC shows is what was delivered.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct MessageVectorTests {
    private let vm: VirtualMachine
    private let vcpu: VirtualCPU
    private let routes: MessageRoutes

    init() throws {
        vm = try Hypervisor().makeVirtualMachine()
        try vm.makeIRQChip()
        vcpu = try vm.makeVirtualCPU(0)
        routes = MessageRoutes(vm: vm)
        try switchAPIC(on: true)
    }

    private func switchAPIC(on: Bool) throws {
        var page = try vcpu.localAPIC()
        page[0xF1] = page[0xF1] & 0xFE | (on ? 1 : 0)
        try vcpu.setLocalAPIC(page)
    }

    /// Whether the local APIC was asked for this interrupt; forgets it.
    private func takeRequest(_ vector: UInt8) throws -> Bool {
        var page = try vcpu.localAPIC()
        let (place, bit) = (0x200 + Int(vector / 32) * 16 + Int(vector % 32 / 8), UInt8(1) << (vector % 8))
        defer { page[place] &= ~bit }
        let isRequested = page[place] & bit != 0
        if isRequested {
            page[place] &= ~bit
            try vcpu.setLocalAPIC(page)
        }
        return isRequested
    }

    private func message(_ vector: UInt32) -> MSIMessage { MSIMessage(address: 0xFEE0_0000, data: vector) }

    private func vector(_ delivery: MessageDelivery = .signal) throws -> MessageVector {
        try MessageVector("a vector", vm: vm, delivery: delivery, routes: routes)
    }

    /// A copy of a masked vector holds as many interrupts; one with a route has its route.
    @Test(arguments: [MessageDelivery.signal, .irqfd])
    func aCopyHoldsWhatTheOriginalHeld(_ delivery: MessageDelivery) throws {
        let (original, copy) = (try vector(delivery), try vector(delivery))
        _ = try original.set(message(0x45), masked: false)
        _ = try original.set(message(0x46), masked: true)
        for _ in 0..<3 { original.event.signal() }
        let state = original.save()
        #expect(original.save() == state, "saving takes nothing away")
        try copy.restore(state)
        #expect(copy.save() == state)
        #expect(copy.isPending)
        #expect(copy.wasUnmasked)
        #expect(try !takeRequest(0x46))
        _ = try copy.set(message(0x46), masked: false)
        #expect(try eventually { try takeRequest(0x46) })
        #expect(!copy.isPending)
        let unmasked = copy.save()
        let third = try vector(delivery)
        try third.restore(unmasked)
        #expect(routes.count == (delivery == .irqfd ? 3 : 0))
        third.event.signal()
        third.relay()
        #expect(try eventually { try takeRequest(0x46) })
    }

    @Test func isDeliveredWhenItComesUnmasked() throws {
        let vector = try vector()
        #expect(try vector.set(message(0x41), masked: false))
        vector.event.signal()
        vector.relay()
        #expect(try takeRequest(0x41))
        #expect(vector.counts?.delivered == 1)
        vector.relay()
        #expect(try !takeRequest(0x41), "one event, one message")
    }

    @Test("a masked vector is pending and is delivered once at the unmask")
    func maskedVector() throws {
        let vector = try vector()
        #expect(try !vector.set(message(0x41), masked: true), "nobody waits for a masked vector")
        for _ in 0..<5 { vector.event.signal() }
        vector.relay()
        #expect(vector.isPending)
        #expect(try !takeRequest(0x41))
        #expect(try vector.set(message(0x42), masked: false))
        #expect(try takeRequest(0x42), "with the message as it is now")
        #expect(try !takeRequest(0x41), "with the message as it is now")
        #expect(!vector.isPending)
        let counts = try #require(vector.counts)
        #expect([counts.delivered, counts.held, counts.blocked, counts.failed] == [1, 5, 0, 0])
    }

    @Test func isBlockedByAnAPICThatIsOff() throws {
        let vector = try vector()
        _ = try vector.set(message(0x41), masked: false)
        try switchAPIC(on: false)
        vector.event.signal()
        vector.relay()
        let counts = try #require(vector.counts)
        #expect([counts.delivered, counts.blocked, counts.failed] == [0, 1, 0])
    }

    @Test func stoppingForgetsWhatWasHeld() throws {
        let vector = try vector()
        _ = try vector.set(message(0x41), masked: true)
        vector.event.signal()
        vector.stop()
        #expect(!vector.isPending)
        _ = try vector.set(message(0x41), masked: false)
        #expect(try !takeRequest(0x41))
    }

    @Test func theKernelDeliversByItselfWithAnIRQFD() throws {
        let vector = try vector(.irqfd)
        #expect(try !vector.set(message(0x51), masked: false), "no thread waits")
        vector.event.signal()
        #expect(try eventually { try takeRequest(0x51) })
        _ = try vector.set(message(0x52), masked: false)
        vector.event.signal()
        #expect(try eventually { try takeRequest(0x52) }, "after the guest moved it")
        _ = try vector.set(message(0x52), masked: true)
        vector.event.signal()
        #expect(vector.isPending)
        _ = try vector.set(message(0x53), masked: false)
        #expect(try takeRequest(0x53))
        vector.event.signal()
        #expect(try eventually { try takeRequest(0x53) })
        #expect(vector.counts == nil)
        vector.stop()
        vector.event.signal()
        #expect(try !takeRequest(0x53))
    }

    @Test func routesRunOutWithASentence() throws {
        let vectors = try (0..<IRQRouting.messageGSILimit).map { _ in try routes.add(message(0x41)) }
        #expect(Set(vectors).count == IRQRouting.messageGSILimit)
        let vector = try vector(.irqfd)
        #expect(throws: KVMError.self) { try vector.set(message(0x41), masked: false) }
    }
}
