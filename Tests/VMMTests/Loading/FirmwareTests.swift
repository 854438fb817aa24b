import Boot
import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import VMM

/// Firmware images of our own making, run by this host's KVM.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct FirmwareTests {
    /// 16-bit code at the reset vector's segment: the image's last 64 KiB, entered at fff0, whose jump leads to its
    /// start.
    private static func run(_ code: [UInt8], size: Int = 64 << 10, showsDebugConsole: Bool = false) throws -> (
        outcome: Outcome, console: String
    ) {
        var image = [UInt8](repeating: 0xF4, count: size)
        image.replaceSubrange(size - 0x10000..<size - 0x10000 + code.count, with: code)
        // jmp to offset 0 of the segment
        image.replaceSubrange(size - 16..<size - 13, with: [0xE9, 0x0D, 0x00])
        let directory = try TemporaryDirectory()
        let path = try directory.file("firmware.rom", image)
        let signals = try SignalDescriptor([SIGUSR2])
        var screen = try Pipe()
        let machine = try Machine(
            MachineConfiguration(
                memory: 16 << 20, consoleOutput: screen.input, timeout: 20, hasFirmware: true,
                showsDebugConsole: showsDebugConsole),
            on: Hypervisor())
        try machine.loadFirmware(path)
        let result = try machine.run(signals: signals)
        screen.closeWriting()
        return (result.outcome, String(decoding: screen.readAvailable(), as: UTF8.self))
    }

    @Test(arguments: [64 << 10, 256 << 10, 16 << 20])
    func itStartsAtTheResetVectorBelow4GiB(size: Int) throws {
        // mov al, [cs:1]: the code's own second byte, 0x2e a0 01 00, out 0xf4, al
        #expect(try Self.run([0x2E, 0xA0, 0x01, 0x00, 0xE6, 0xF4, 0xF4], size: size).outcome == .exitPort(0xA0))
    }

    @Test func theLowCopyCanBeWrittenAndTheHighOneNot() throws {
        let code: [UInt8] = [
            0x2E, 0xC6, 0x06, 0x00, 0x80, 0x42,  // mov byte [cs:0x8000], 0x42: lost
            0xB8, 0x00, 0xF0, 0x8E, 0xD8,  // mov ax, 0xf000; mov ds, ax
            0xA0, 0x00, 0x80, 0x3C, 0xF4, 0x75, 0x13,  // mov al, [0x8000]; cmp al, 0xf4; jne fail: the copy is whole
            0xC6, 0x06, 0x00, 0x80, 0x07,  // mov byte [0x8000], 7
            0xA0, 0x00, 0x80, 0x2E, 0x8A, 0x26, 0x00, 0x80,  // mov al, [0x8000]; mov ah, [cs:0x8000]
            0x80, 0xEC, 0xF4, 0x00, 0xE0,  // sub ah, 0xf4; add al, ah
            0xE6, 0xF4,  // out 0xf4, al
            0xB0, 0x09, 0xE6, 0xF4, 0xF4,  // fail: 9
        ]
        #expect(try Self.run(code).outcome == .exitPort(7))
    }

    @Test func theDebugConsoleShowsWholeLinesAndAnswers() throws {
        // mov dx, 0x402; in al, dx; mov bl, al; 'A' 'b' '\n'; mov al, bl; out 0xf4, al
        let code: [UInt8] = [
            0xBA, 0x02, 0x04, 0xEC, 0x88, 0xC3, 0xB0, 0x41, 0xEE, 0xB0, 0x62, 0xEE, 0xB0, 0x0A, 0xEE, 0xB0, 0x43, 0xEE,
            0x88, 0xD8, 0xE6, 0xF4, 0xF4,
        ]
        let shown = try Self.run(code, showsDebugConsole: true)
        #expect(shown.outcome == .exitPort(0xE9))
        #expect(shown.console == "Ab\r\n")
        let hidden = try Self.run(code)
        #expect(hidden.outcome == .exitPort(0xFF))
        #expect(hidden.console == "")
    }

    @Test(arguments: [0, 4096, 0xFFFF, 64 << 10 + 512, 16 << 20 + 4096])
    func anImageOfAnotherSizeIsRefused(size: Int) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("firmware.rom", [UInt8](repeating: 0, count: size))
        let machine = try Machine(MachineConfiguration(memory: 16 << 20, hasFirmware: true), on: Hypervisor())
        let error = #expect(throws: MachineError.self) { try machine.loadFirmware(path) }
        guard case .badFirmware(path, UInt64(size))? = error else {
            Issue.record("\(error.map { "\($0)" } ?? "none")")
            return
        }
    }

    @Test("only under firmware the host bridge is in its reset state")
    func hostBridgeReset() throws {
        let reset = HostBridgeFunction(hasFirmware: true)
        #expect(reset.ecam == nil)
        #expect(reset.readConfig(0x2C, width: 4) == 0x1100_1AF4)
        reset.writeConfig(0x60, 0xB000_0001, width: 4) {}
        #expect(reset.ecam == 0xB000_0000)
        reset.writeConfig(0x90, 0x30, width: 1) {}
        reset.writeConfig(0x96, 0xFF, width: 1) {}
        #expect(reset.readConfig(0x90, width: 1) == 0x30)
        #expect(reset.readConfig(0x96, width: 1) == 0x33)
        let ready = HostBridgeFunction(hasFirmware: false)
        ready.writeConfig(0x60, 0, width: 4) {}
        ready.writeConfig(0x90, 0xFF, width: 1) {}
        #expect(ready.ecam == PhysicalLayout.ecam.lowerBound)
        #expect(ready.readConfig(0x90, width: 1) == 0)
        #expect(ready.readConfig(0x2C, width: 4) == 0)
    }

    @Test func guestMemoryEndsWhereFirmwarePutsECAM() throws {
        let memory = try GuestMemory(count: 4 << 30, lowLimit: PhysicalLayout.firmwareECAM.lowerBound)
        let expected: [Range<UInt64>] = [0..<0xB000_0000, 0x1_0000_0000..<0x1_5000_0000]
        #expect(memory.regions.map(\.range) == expected)
    }
}
