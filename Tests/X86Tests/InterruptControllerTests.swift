import TestSupport
import Testing
import X86

/// What an interrupt controller's state says, and in which words.
struct InterruptControllerTests {
    @Test func aLocalAPIC() throws {
        // Vector 0x31 in service, 0x22 and 0xEC requested; the timer one-shot on 0xEC, running.
        let apic = try #require(
            LocalAPIC(
                page: InterruptControllers.localAPIC([
                    0xF0: 0x1FF, 0x80: 0x20, 0x110: 1 << 17, 0x210: 1 << 2, 0x270: 1 << 12, 0x320: 0xEC, 0x390: 77,
                ])))
        #expect(apic.isEnabled)
        #expect(apic.inService == [0x31])
        #expect(apic.requested == [0x22, 0xEC])
        #expect(apic.canDeliver)
        #expect(
            apic.words
                == """
                enabled, pending vectors 0x22 0xec, in service vector 0x31, task priority 0x20, timer running, \
                vector 0xec
                """
        )
        #expect(LocalAPIC(page: [UInt8](repeating: 0, count: 1023)) == nil)
    }

    @Test(arguments: [[0x210: 1 << 2, 0x110: 1 << 17], [0x210: 1 << 2, 0x80: 0x2F], [:]] as [[Int: UInt32]])
    func aVectorThatMustWait(registers: [Int: UInt32]) throws {
        let apic = try #require(
            LocalAPIC(page: InterruptControllers.localAPIC(registers.merging([0xF0: 0x100]) { first, _ in first })))
        #expect(!apic.canDeliver)
    }

    @Test func twoPICs() throws {
        // Requested 2, 4 and 12; open 0, 4 and 12; in service 0 and 14.
        let pic = try #require(InterruptControllers.pic(requested: 0x1014, masked: 0xEFEE, inService: 0x4001))
        // Line 12 is masked too: the second controller's output is line 2 of the first.
        #expect(pic.requested == [4, 12])
        #expect(pic.inService == [0, 14])
        #expect(pic.masked == [1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        #expect(pic.isUsed)
        #expect(pic.words == "vectors 0x20 and 0x28, requested IRQ 4 12, in service IRQ 0 14, unmasked IRQ 0 4")
        let open = try #require(InterruptControllers.pic(masked: 0xEFFB))
        #expect(!open.masked.contains(12))
        #expect(open.words == "vectors 0x20 and 0x28, nothing requested, nothing in service, unmasked IRQ 12")
        #expect(InterruptControllers.pic(masked: 0xFFFF)?.isUsed == false)
        #expect(InterruptControllers.pic(base: 0)?.isUsed == false)
        #expect(PIC(first: [UInt8](repeating: 0, count: 15), second: [UInt8](repeating: 0, count: 16)) == nil)
    }

    /// As firmware leaves them: nobody used them, and the timer's request is nobody's.
    @Test func thePICsOfFirmware() throws {
        func half(_ values: [UInt8]) -> [UInt8] { values + [UInt8](repeating: 0, count: 16 - values.count) }
        func pic(inService: UInt8, hasFirmwareTimer: Bool) -> PIC? {
            PIC(
                first: half([1, 1, 0xB8, inService, 0, 0x08]), second: half([0, 0, 0x8F, 0, 0, 0x70]),
                hasFirmwareTimer: hasFirmwareTimer)
        }
        let left = try #require(pic(inService: 0, hasFirmwareTimer: true))
        #expect(!left.isUsed)
        #expect(left.requested == [])
        #expect(pic(inService: 0, hasFirmwareTimer: false)?.requested == [0])
        #expect(pic(inService: 1, hasFirmwareTimer: true)?.isUsed == true)
    }

    @Test func whetherThePICGetsThrough() {
        for (lint0, gets) in [(0x700, true), (0x1_0700, false), (0x400, false), (0x20, false)] as [(UInt32, Bool)] {
            #expect(LocalAPIC(page: InterruptControllers.localAPIC([0x350: lint0]))?.acceptsPIC == gets)
        }
        for (lint0, makes) in [(0x700, false), (0x400, true), (0x1_0400, false)] as [(UInt32, Bool)] {
            #expect(LocalAPIC(page: InterruptControllers.localAPIC([0x350: lint0]))?.makesNMIs == makes)
        }
    }

    @Test func anIOAPIC() throws {
        var state = MemoryImage(count: 216)
        for pin: UInt64 in 0..<24 { state.put(1 << 16, at: 24 + pin * 8) }
        state.put(1 << 11, at: 16, width: 4)
        // Pin 11: level, low, in service, to APIC 2; pin 4: edge.
        state.put(2 << 56 | 1 << 15 | 1 << 14 | 1 << 13 | 0x31, at: 24 + 11 * 8)
        state.put(0x24, at: 24 + 4 * 8)
        let ioapic = try #require(IOAPIC(state: state.bytes))
        #expect(
            ioapic.notable.map(\.words) == [
                "pin 4: edge, vector 0x24, to 0", "pin 11: level, vector 0x31, to 2, pending, in service (no EOI yet)",
            ])
        // An NMI's, an INIT's and one that takes its vector from the PIC.
        for (pin, mode) in [(8, 4), (9, 5), (0, 7)] as [(UInt64, UInt64)] { state.put(mode << 8, at: 24 + pin * 8) }
        #expect(IOAPIC(state: state.bytes)?.pins.filter(\.isUnmaskable).map(\.number) == [8, 9])
        #expect(IOAPIC(state: [UInt8](repeating: 0, count: 215)) == nil)
    }
}
