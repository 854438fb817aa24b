import PostMortem
import Testing

struct InterruptControllerTests {
    /// A page with registers at their offsets.
    static func page(_ registers: [Int: UInt32]) -> [UInt8] {
        var page = MemoryImage(count: 1024)
        for (offset, value) in registers { page.put(UInt64(value), at: UInt64(offset), width: 4) }
        return page.bytes
    }

    @Test func aLocalAPIC() throws {
        // Vector 0x31 in service, 0x22 and 0xEC requested; the timer one-shot on 0xEC, running.
        let apic = try #require(
            LocalAPIC(page: Self.page([0xF0: 0x1FF, 0x80: 0x20, 0x110: 1 << 17, 0x210: 1 << 2, 0x270: 1 << 12, 0x320: 0xEC, 0x390: 77])))
        #expect(apic.isEnabled && apic.inService == [0x31] && apic.requested == [0x22, 0xEC] && apic.canDeliver)
        #expect(apic.words == "enabled, pending vectors 0x22 0xec, in service vector 0x31, task priority 0x20, timer running, vector 0xec")
        #expect(LocalAPIC(page: [UInt8](repeating: 0, count: 1023)) == nil)
    }

    @Test(arguments: [[0x210: 1 << 2, 0x110: 1 << 17], [0x210: 1 << 2, 0x80: 0x2F], [:]] as [[Int: UInt32]])
    func aVectorThatMustWait(registers: [Int: UInt32]) throws {
        let apic = try #require(LocalAPIC(page: Self.page(registers.merging([0xF0: 0x100]) { first, _ in first })))
        #expect(!apic.canDeliver)
    }

    @Test func anIOAPIC() throws {
        var state = MemoryImage(count: 216)
        for pin: UInt64 in 0..<24 { state.put(1 << 16, at: 24 + pin * 8) }
        state.put(1 << 11, at: 16, width: 4)
        // Pin 11: level, low, in service, to APIC 2; pin 4: edge.
        state.put(2 << 56 | 1 << 15 | 1 << 14 | 1 << 13 | 0x31, at: 24 + 11 * 8)
        state.put(0x24, at: 24 + 4 * 8)
        let ioapic = try #require(IOAPIC(state: state.bytes))
        #expect(ioapic.notable.map(\.words) == ["pin 4: edge, vector 0x24, to 0", "pin 11: level, vector 0x31, to 2, pending, in service (no EOI yet)"])
        #expect(IOAPIC(state: [UInt8](repeating: 0, count: 215)) == nil)
    }
}
