import TestSupport
import Testing

@testable import VMM

/// The firmware configuration device, and what board.elf finds of it on real KVM.
@Suite struct FirmwareConfigTests {
    private func read(_ device: FirmwareConfig, _ key: FirmwareConfig.Key, _ count: Int) -> [UInt8] {
        device.write(0, UInt64(key.rawValue), width: 2)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: device.read(1, width: 1)) }
    }

    @Test func beforeAnythingIsSelectedItSaysWhatItIs() {
        let device = FirmwareConfig(.init(memory: 1 << 30, cpus: 2))
        #expect((0..<5).map { _ in device.read(1, width: 1) } == [0x51, 0x45, 0x4D, 0x55, 0])
    }

    @Test("numbers are little-endian, and a selection restarts at the first byte")
    func selection() {
        let device = FirmwareConfig(.init(memory: 0x1_2345_6000, cpus: 0x102))
        #expect(read(device, .memorySize, 9) == [0, 0x60, 0x45, 0x23, 1, 0, 0, 0, 0])
        #expect(read(device, .cpuCount, 3) == [2, 1, 0])
        #expect(read(device, .cpuCount, 1) == [2])
        #expect(read(device, .cpuCount, 2) == [2, 1])
        #expect(read(device, .init(rawValue: 0x3ABC), 2) == [0, 0])
    }

    @Test("the selector takes words and the data port returns bytes")
    func portWidths() {
        let device = FirmwareConfig(.init(memory: 1 << 20, cpus: 7))
        device.write(0, 5, width: 2)
        for (offset, width) in [(0, 1), (0, 4), (1, 1), (1, 2)] as [(UInt64, Int)] {
            device.write(offset, 0, width: width)
        }
        #expect(device.read(0, width: 2) == .max)
        #expect(device.read(1, width: 2) == .max)
        #expect(device.read(1, width: 1) == 7, "none of these selected anything or moved on")
    }

    @Test func theDirectoryListsFilesByName() throws {
        let device = FirmwareConfig(.init(memory: 1 << 20, cpus: 1))
        #expect(read(device, .fileDirectory, 4) == [0, 0, 0, 0])
        let e820 = [UInt8](repeating: 7, count: 0x114)
        try device.change { items in
            try items.addFile("genroms/nic.rom", [1, 2, 3])
            try items.addFile("etc/e820", e820)
        }
        let directory = read(device, .fileDirectory, 4 + 2 * 64)
        #expect(directory[..<4] == [0, 0, 0, 2])
        #expect(directory[4..<12] == [0, 0, 1, 0x14, 0, 0x21, 0, 0])
        #expect(directory[12..<21] == Array("etc/e820\0".utf8)[...])
        #expect(directory[68..<76] == [0, 0, 0, 3, 0, 0x20, 0, 0])
        #expect(directory[76..<91] == Array("genroms/nic.rom".utf8)[...])
        #expect(directory[91...] == [UInt8](repeating: 0, count: 41)[...])
        #expect(read(device, .init(rawValue: 0x20), 4) == [1, 2, 3, 0])
        #expect(read(device, .init(rawValue: 0x21), 0x115) == e820 + [0])
    }

    @Test func whatCantBeAFileIsSaid() throws {
        var items = FirmwareConfig.Items()
        let longest = String(repeating: "x", count: 55)
        try items.addFile(longest, [])
        for name in ["", longest + "x", "a b", "\u{E9}", "a\0"] {
            #expect(throws: FirmwareConfig.FileError.badName(name)) { try items.addFile(name, []) }
        }
        #expect(throws: FirmwareConfig.FileError.repeatedName(longest)) { try items.addFile(longest, [1]) }
        #expect(items[.fileDirectory]?.count == 4 + 64)
    }

    @Test(
        .enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"),
        arguments: [(1, 256), (3, 64)] as [(Int, UInt64)])
    func aGuestReadsIt(cpus: Int, megabytes: UInt64) throws {
        let account = try MachineTests.run(
            TestKernel.built("board.elf"), memory: megabytes << 20, cpus: cpus,
            append: "cpus=\(cpus) memory=\(megabytes) files=2"
        ) { machine in
            #expect(throws: Never.self) {
                try machine.firmwareConfig.change { items in
                    try items.addFile("etc/b", [1])
                    try items.addFile("etc/a", [UInt8](repeating: 1, count: 70000))
                }
            }
        }
        #expect(account.outcome == .exitPort(0), "\(account.console)")
        #expect(account.console.contains("cpu-count ok (\(cpus))"))
        #expect(account.console.contains("ram-size ok (\(megabytes) MiB)"))
        #expect(account.console.contains("directory ok (2 files, the last is \"etc/b\")"))
        #expect(account.console.contains("string-input ok"))
        // Without being asked for, there is no test device.
        #expect(account.console.contains("scratch-ports skipped: there is no test device"))
        #expect(account.console.contains("counted-writes skipped: there is no function 1b36:0005"))
        #expect(account.console.contains("7/7 PASS"))
    }
}
