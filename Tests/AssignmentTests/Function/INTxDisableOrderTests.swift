import Assignment
import KVM
import LinuxSystem
import PCI
import Synchronization
import Testing
import VMM

/// A backend that writes down what it is told, and whose device has everything on by itself: reads must not come from
/// it where they may not.
private final class WitnessBackend: AssignmentBackend {
    enum Call: Equatable {
        case mask(Bool)
        case write(Int, UInt32, Int)
        case remap
    }

    let calls = Mutex<[Call]>([])
    let refusesMask: Bool
    let address = "0000:00:04.0"
    let kind = "witness"
    let delivery = "none"
    let access = PassthroughLayout.Access.filtered
    let bars: [BAR]
    // Without a line, so that the test needs no KVM: what is tested comes before any line.
    let hasINTx = false

    init(refusesMask: Bool = false) {
        self.refusesMask = refusesMask
        bars = [BAR(index: 0, kind: .memory32, size: 0x2_0000)].compactMap { $0 }
    }

    func record(_ call: Call) { calls.withLock { $0.append(call) } }

    func configSnapshot() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 256)
        (bytes[0], bytes[1], bytes[2], bytes[3]) = (0x86, 0x80, 0xD3, 0x10)
        return bytes
    }

    /// All ones: the physical COMMAND has every bit set whatever the guest wrote.
    func readConfig(_ offset: Int, width: Int) -> UInt32 { .max }
    func writeConfig(_ offset: Int, _ value: UInt32, width: Int) { record(.write(offset, value, width)) }
    func readBAR(_ bar: Int, offset: UInt64, width: Int) -> UInt64 { .max }
    func writeBAR(_ bar: Int, offset: UInt64, _ value: UInt64, width: Int) {}
    func map(_ bar: BAR, trapped: [Range<UInt64>]) -> [PCIFunction.MappableRegion] { [] }
    func startINTx(_ line: InterruptLine, masked: Bool) {}
    func stopINTx() {}

    func setINTxMask(_ masked: Bool) throws(AssignmentError) {
        record(.mask(masked))
        if refusesMask { throw .unfit(address, reason: "the mask was refused") }
    }

    func startMessages(_ kind: MessageKind, initial: Int) {}
    func stopMessages() {}
    func setVector(_ vector: Int, _ message: MSIMessage, masked: Bool) {}
    func isPending(_ vector: Int) -> Bool? { nil }
    var interrupts: InterruptReport { InterruptReport(intx: nil, messages: []) }
    func release() {}
}

/// The order that KVM_ASSIGN_SET_INTX_MASK asks for (Linux 3.4, Documentation/virtual/kvm/api.txt, 4.60), held for
/// every backend.
struct INTxDisableOrderTests {
    private let backend: WitnessBackend
    private let function: AssignedFunction<WitnessBackend>
    private let failures = Failures()

    private final class Failures: Sendable {
        let sentences = Mutex<[String]>([])
    }

    init() throws {
        try self.init(refusesMask: false)
    }

    private init(refusesMask: Bool) throws {
        backend = WitnessBackend(refusesMask: refusesMask)
        let failures = failures
        function = try AssignedFunction(
            backend,
            line: { pin throws(SystemCallError) in
                Issue.record("a function without INTx asked for the line of pin \(pin)")
                throw SystemCallError.last("line")
            }, onFailure: { sentence in failures.sentences.withLock { $0.append(sentence) } })
        backend.calls.withLock { $0 = [] }
    }

    private func write(_ offset: Int, _ value: UInt32, _ width: Int) -> [WitnessBackend.Call] {
        backend.calls.withLock { $0 = [] }
        function.writeConfig(offset, value, width: width) { backend.record(.remap) }
        return backend.calls.withLock { $0 }
    }

    @Test("the mask comes before the physical write, which has the guest's value")
    func maskBeforeWrite() {
        #expect(write(4, 0x0404, 2) == [.mask(true), .write(4, 0x0404, 2)])
        #expect(write(4, 0x0004, 2) == [.mask(false), .write(4, 0x0004, 2)])
    }

    @Test func soDoesAWriteOfTheRegistersUpperByteAlone() {
        #expect(write(5, 0x04, 1) == [.mask(true), .write(5, 0x04, 1)])
        #expect(write(5, 0x00, 1) == [.mask(false), .write(5, 0x00, 1)])
    }

    @Test func soDoesADoublewordThatTakesStatusAlong() {
        // STATUS's write-one-to-clear bits go along as the guest wrote them; its other bits don't.
        #expect(write(4, 0xFFFF_0404, 4) == [.mask(true), .write(4, 0xF900_0404, 4)])
        #expect(write(4, 0x0000_0004, 4) == [.mask(false), .write(4, 0x0000_0004, 4)])
    }

    @Test func aWriteThatLeavesTheBitAloneMasksNothing() {
        #expect(write(4, 0x0004, 2) == [.write(4, 0x0004, 2)])
        #expect(write(4, 0x0404, 2) == [.mask(true), .write(4, 0x0404, 2)])
        #expect(write(4, 0x0400, 2) == [.write(4, 0x0400, 2)])
        #expect(write(4, 0x04, 1) == [.write(4, 0x04, 1)], "the lower byte does not hold the bit")
        #expect(write(4, 0x0404, 2) == [.write(4, 0x0404, 2)])
    }

    @Test("INTx-disable is read from the guest's view, whatever the device has")
    func intxDisableIsVirtual() {
        #expect(function.readConfig(4, width: 2) == 0, "the device says all ones")
        _ = write(4, 0x0400, 2)
        #expect(function.readConfig(4, width: 2) == 0x0400)
        #expect(function.readConfig(5, width: 1) == 0x04)
        _ = write(4, 0, 2)
        #expect(function.readConfig(4, width: 4) & 0xFFFF == 0)
    }

    @Test("ranges are withdrawn before the device's decoder is switched off, and published after it is switched on")
    func decoderOrder() {
        #expect(write(4, 0x0002, 2) == [.write(4, 0x0002, 2), .remap])
        #expect(function.decodedBARs().map(\.bar.index) == [0])
        #expect(write(4, 0x0000, 2) == [.remap, .write(4, 0x0000, 2)])
        #expect(function.decodedBARs().isEmpty)
        #expect(write(4, 0x0402, 2) == [.mask(true), .write(4, 0x0402, 2), .remap])
    }

    @Test("a refused mask writes no register and ends the run")
    func refusedMask() throws {
        let refusing = try INTxDisableOrderTests(refusesMask: true)
        #expect(refusing.write(4, 0x0400, 2) == [.mask(true)])
        #expect(refusing.failures.sentences.withLock { $0 } == ["0000:00:04.0: the mask was refused"])
    }
}
