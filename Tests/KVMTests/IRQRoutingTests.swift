import CLinux
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import KVM

@Suite struct IRQRoutingTests {
    private struct Entry: Equatable {
        let gsi, type: UInt32
        let words: [UInt32]
    }

    /// `struct kvm_irq_routing` taken apart by <linux/kvm.h>: a count and flags, then entries of 48 bytes.
    private func parse(_ table: [UInt8]) throws -> [Entry] {
        func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(table[offset + $1]) << UInt32(8 * $1) } }
        let count = Int(word(0))
        try #require(table.count == 8 + count * 48)
        #expect(word(4) == 0)
        return (0..<count).map { index in
            let base = 8 + index * 48
            #expect(word(base + 8) == 0, "flags and padding")
            #expect(word(base + 12) == 0, "flags and padding")
            return Entry(gsi: word(base), type: word(base + 4), words: (0..<8).map { word(base + 16 + 4 * $0) })
        }
    }

    @Test func pinsAreWiredAsInAPC() throws {
        let entries = try parse(IRQRouting().table)
        for gsi in UInt32(0)..<24 {
            let own = entries.filter { $0.gsi == gsi }
            let expected: [[UInt32]] =
                switch gsi {
                case 0: [[0, 0], [2, 2]]
                case 2: [[0, 2]]
                case 1...7: [[0, gsi], [2, gsi]]
                case 8...15: [[1, gsi - 8], [2, gsi]]
                default: [[2, gsi]]
                }
            #expect(own.map { Array($0.words.prefix(2)) } == expected, "GSI \(gsi)")
            #expect(
                own.allSatisfy {
                    $0.type == UInt32(KVM_IRQ_ROUTING_IRQCHIP) && $0.words.dropFirst(2).allSatisfy { $0 == 0 }
                })
        }
        #expect(entries.allSatisfy { $0.gsi < 24 })
    }

    @Test func aMessageIsAddressHighAndData() throws {
        var routing = IRQRouting()
        let added = routing.add(MSIMessage(address: 0x1234_FEE0_1004, data: 0x4041))
        let gsi = try #require(added)
        #expect(gsi == IRQRouting.firstMessageGSI)
        let entry = try #require(try parse(routing.table).first { $0.gsi == gsi })
        #expect(entry.type == UInt32(KVM_IRQ_ROUTING_MSI))
        #expect(entry.words == [0xFEE0_1004, 0x1200, 0x4041, 0, 0, 0, 0, 0])
        routing.update(gsi, MSIMessage(address: 0xFEE0_2000, data: 7))
        #expect(try parse(routing.table).filter { $0.gsi == gsi }.map(\.words) == [[0xFEE0_2000, 0, 7, 0, 0, 0, 0, 0]])
        routing.remove(gsi)
        #expect(try parse(routing.table) == parse(IRQRouting().table))
    }

    @Test func everyMessageHasAGSIOfItsOwnAndTheyRunOut() {
        var routing = IRQRouting()
        let message = MSIMessage(address: 0xFEE0_0000, data: 0)
        let given = (0..<IRQRouting.messageGSILimit).compactMap { _ in routing.add(message) }
        #expect(Set(given).count == IRQRouting.messageGSILimit)
        #expect(given.allSatisfy { $0 >= 24 })
        let beyond = routing.add(message)
        #expect(beyond == nil)
        routing.remove(given[500])
        let again = routing.add(message)
        #expect(again == given[500])
        #expect(routing.messageLimit == IRQRouting.messageGSILimit)
    }

    @Test func aPinsRouteCantBeTakenAway() {
        var routing = IRQRouting()
        let before = routing.table
        routing.remove(4)
        routing.remove(4096)
        routing.update(4096, MSIMessage(address: 0, data: 0))
        #expect(routing.table == before)
    }

    /// The kernel takes it, as large as it gets.
    @Test(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
    func theKernelTakesTheTable() throws {
        let vm = try Hypervisor().makeVirtualMachine()
        try vm.makeIRQChip()
        var routing = IRQRouting()
        try vm.setRouting(routing)
        while routing.add(MSIMessage(address: 0xFEE0_0000, data: 0x40)) != nil {}
        try vm.setRouting(routing)
    }
}
