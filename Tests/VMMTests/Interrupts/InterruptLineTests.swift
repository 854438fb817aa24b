import KVM
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import VMM

/// What KVM is asked for on a line that functions share. That the last resampling irqfd takes the line down is tried in
/// KVMTests.
@Suite struct InterruptLineTests {
    private let kernel = KernelDouble(asksKernel: false)
    private let line: InterruptLine

    init() throws { line = try InterruptLine(gsi: 19, vm: virtualMachine(on: kernel)) }

    private final class Looks: Sendable {
        let list = Mutex<[Int32]>([])
    }

    private let looks = Looks()

    private func source(_ number: Int32) -> InterruptLine.Source {
        let looks = looks
        return InterruptLine.Source(trigger: number, resample: number + 1) { looks.list.withLock { $0.append(number) } }
    }

    /// The triggers attached (positive) and detached (negative) since the last call; the line's own silent one is 0.
    private func changes(_ own: Set<Int32>) -> [Int32] {
        defer { kernel.forget() }
        return kernel.calls("KVM_IRQFD").map { call in
            let trigger = Int32(bitPattern: call.word(0))
            #expect(call.word(4) == 19)
            let isDetach = call.word(8) & 1 != 0
            if !isDetach { #expect(call.word(8) == 2, "resampling") }
            let name = own.contains(trigger) ? trigger : 0
            return isDetach ? -name - 1 : name + 1
        }
    }

    @Test func theFirstFunctionBringsTheCounterAlong() throws {
        try line.attach(source(1000))
        #expect(changes([1000]) == [1001, 1])
        try line.attach(source(2000))
        #expect(changes([1000, 2000]) == [2001])
        try line.attach(source(2000))
        #expect(changes([1000, 2000]) == [], "it is on the line already")
    }

    @Test("all functions are removed together, so that the line goes down")
    func lineRemoval() throws {
        for number: Int32 in [1000, 2000, 3000] { try line.attach(source(number)) }
        kernel.forget()
        try line.detach(trigger: 2000)
        let all: Set<Int32> = [1000, 2000, 3000]
        #expect(changes(all) == [-1001, -2001, -3001, -1, 1001, 3001, 1])
        #expect(looks.list.withLock { $0 } == [1000, 3000], "the others look again")
        try line.detach(trigger: 2000)
        #expect(changes(all) == [], "it is off already")
        try line.detach(trigger: 1000)
        try line.detach(trigger: 3000)
        #expect(changes(all).suffix(2) == [-3001, -1])
        #expect(looks.list.withLock { $0 } == [1000, 3000, 3000])
    }

    @Test func aRefusalIsTold() throws {
        kernel.fail("KVM_IRQFD", 22)
        #expect(throws: KVMError.self) { try line.attach(source(1000)) }
        kernel.succeed("KVM_IRQFD")
        try line.attach(source(1000))
        #expect(changes([1000]).suffix(2) == [1001, 1], "and it can be tried again")
    }

    @Test(arguments: 1...4)
    func pinsOfNeighboursDiffer(pin: Int) {
        let lines = (1..<32).map { PhysicalLayout.intxGSI(slot: $0, pin: pin) }
        #expect(lines.allSatisfy(PhysicalLayout.intxGSIs.contains))
        for slot in 0..<30 { #expect(lines[slot] != lines[slot + 1]) }
        #expect(Set(lines).count == PhysicalLayout.intxGSIs.count)
    }
}
