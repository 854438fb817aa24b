import Boot
import Glibc
import TestSupport
import Testing

@testable import VMM

/// Requests to the disk, good ones and those of a hostile guest.
@Suite struct BootDiskTests {
    private static let size = 40 * 512 + 100
    private static let request: UInt64 = 0x1000

    /// A disk of 41 sectors, the last of them held in part; byte N is N modulo 251.
    private final class Fixture {
        let memory: GuestMemory
        let disk: BootDisk
        let directory: TemporaryDirectory
        let path: String

        init() throws {
            directory = try TemporaryDirectory()
            var bytes = (0..<size).map { UInt8($0 % 251) }
            (bytes[510], bytes[511]) = (0x55, 0xAA)
            path = try directory.file("disk.img", bytes)
            memory = try GuestMemory(count: 1 << 20)
            let plan = try LoadPlan.plan(
                image: InMemoryImage(bytes), name: "disk.img", memory: MemoryMap(belowFourGiB: 1 << 20), diskKind: .disk
            )
            disk = try BootDisk(#require(plan.disk), file: InputFile(path), memory: memory)
        }

        /// The status that a request comes back with, nil where it didn't.
        func ask(_ command: UInt16, _ first: UInt64, _ count: UInt16, _ buffer: UInt64, at address: UInt64 = request)
            throws -> UInt32?
        {
            var bytes: [UInt8] = []
            func append<Number: FixedWidthInteger>(_ number: Number) {
                withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
            }
            append(command)
            append(count)
            append(UInt32(0xDEAD))
            append(buffer)
            append(first)
            try? memory.write(bytes, at: address)
            disk.write(0, address, width: 4)
            let status = try? memory.read(at: address + 4, count: 4).reversed().reduce(UInt32(0)) {
                $0 << 8 | UInt32($1)
            }
            return status == 0xDEAD ? nil : status
        }

        func content(_ first: Int, _ count: Int) -> [UInt8] {
            (first * 512..<(first + count) * 512).map {
                $0 >= size ? 0 : $0 == 510 ? 0x55 : $0 == 511 ? 0xAA : UInt8($0 % 251)
            }
        }
    }

    @Test("sectors are read, and the last one is padded with zeros")
    func partialSector() throws {
        let fixture = try Fixture()
        #expect(try fixture.ask(1, 0, 41, 0x8000) == 0)
        #expect(try fixture.memory.read(at: 0x8000, count: 41 * 512) == fixture.content(0, 41))
        #expect(try fixture.ask(1, 40, 1, 0x8000) == 0)
        #expect(try fixture.memory.read(at: 0x8000, count: 512) == fixture.content(40, 1))
    }

    /// In one block, across two, a whole one, the last: what was written is read, and all about it is as before.
    @Test(arguments: [(3, 1), (7, 2), (8, 8), (5, 20), (39, 2), (40, 1), (0, 41)])
    func whatIsWrittenIsReadAndNothingElseChanges(first: Int, count: Int) throws {
        let fixture = try Fixture()
        let new = (0..<count * 512).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
        try fixture.memory.write(new, at: 0x20000)
        #expect(try fixture.ask(2, UInt64(first), UInt16(count), 0x20000) == 0)
        #expect(try fixture.ask(1, 0, 41, 0x8000) == 0)
        var expected = fixture.content(0, 41)
        expected.replaceSubrange(first * 512..<(first + count) * 512, with: new)
        #expect(try fixture.memory.read(at: 0x8000, count: 41 * 512) == expected)
        // A second write to the same blocks keeps the first.
        try fixture.memory.write([UInt8](repeating: 0xEE, count: 512), at: 0x20000)
        #expect(try fixture.ask(2, UInt64(first), 1, 0x20000) == 0)
        expected.replaceSubrange(first * 512..<(first + 1) * 512, with: [UInt8](repeating: 0xEE, count: 512))
        #expect(try fixture.ask(1, 0, 41, 0x8000) == 0)
        #expect(try fixture.memory.read(at: 0x8000, count: 41 * 512) == expected)
        #expect(try readFile(fixture.path) == Array(fixture.content(0, 41).prefix(Self.size)))
    }

    @Test(
        arguments: [
            (1, 41, 1, 0x8000, 4), (1, 40, 2, 0x8000, 4), (1, .max, 1, 0x8000, 4), (1, .max - 1, 65535, 0x8000, 4),
            (2, 41, 1, 0x8000, 4),
            (3, 42, 0, 0x8000, 4), (3, 0, 41, .max, 0), (1, 0, 1, 0xFFE01, 9), (1, 0, 41, 0xFFE00, 9),
            (2, 0, 1, .max, 9), (1, 0, 1, .max - 511, 9),
            (1, 0, 1, 0xC000_0000, 9), (0, 0, 1, 0x8000, 1), (4, 0, 1, 0x8000, 1), (0xFFFF, 0, 1, 0x8000, 1),
            (1, 41, 0, 0x8000, 0),
        ] as [(UInt16, UInt64, UInt16, UInt64, UInt32)])
    func aRequestThatCantBeMetSaysSo(command: UInt16, first: UInt64, count: UInt16, buffer: UInt64, status: UInt32)
        throws
    {
        let fixture = try Fixture()
        #expect(try fixture.ask(command, first, count, buffer) == status)
        #expect(try fixture.memory.read(at: 0x8000, count: 512) == [UInt8](repeating: 0, count: 512))
    }

    @Test(arguments: [0xFFFE9, 0xFFFFF, 0x100000, 0xFFFF_FFFF] as [UInt64])
    func aRequestThatIsNotWhollyInMemoryIsDropped(address: UInt64) throws {
        let fixture = try Fixture()
        fixture.disk.write(0, address, width: 4)
        #expect(try fixture.ask(1, 1, 1, 0x8000, at: 0x100000 - 24) == 0)
    }

    @Test func onlyADoublewordIsARequest() throws {
        let fixture = try Fixture()
        try fixture.memory.write([1, 0, 1, 0, 0xAD, 0xDE, 0, 0, 0, 0x80], at: Self.request)
        fixture.disk.write(0, Self.request, width: 2)
        fixture.disk.write(2, Self.request, width: 2)
        fixture.disk.write(1, Self.request, width: 4)
        #expect(try fixture.memory.read(at: Self.request + 4, count: 2) == [0xAD, 0xDE])
        #expect(fixture.disk.read(0, width: 4) == 0x4B53_4944)
        #expect(fixture.disk.read(0, width: 1) == .max)
    }

    /// A buffer that the request itself lies in: the answer is the last to be written, and nothing runs over.
    @Test func aRequestMayOverwriteItself() throws {
        let fixture = try Fixture()
        #expect(try fixture.ask(1, 0, 1, Self.request) == 0)
    }

    @Test func aFileThatWasCutShortCantBeRead() throws {
        let fixture = try Fixture()
        #expect(truncate(fixture.path, 1024) == 0)
        #expect(try fixture.ask(1, 0, 2, 0x8000) == 0)
        #expect(try fixture.ask(1, 1, 2, 0x8000) == 0x20)
        #expect(try fixture.ask(2, 4, 1, 0x8000) == 0x20)
    }

    /// What the guest wrote goes to another disk with the same image, and nothing else does.
    @Test func aCopyHasWhatTheGuestWrote() throws {
        let (first, second) = (try Fixture(), try Fixture())
        try first.memory.write([UInt8](repeating: 0x5A, count: 1024), at: 0x2000)
        #expect(try first.ask(2, 7, 2, 0x2000) == 0)
        try second.memory.write([UInt8](repeating: 0x33, count: 512), at: 0x2000)
        #expect(try second.ask(2, 30, 1, 0x2000) == 0)
        try second.disk.restore(first.disk.save())
        #expect(try second.ask(1, 6, 4, 0x4000) == 0)
        let expected = second.content(6, 1) + [UInt8](repeating: 0x5A, count: 1024) + second.content(9, 1)
        #expect(try second.memory.read(at: 0x4000, count: 2048) == expected)
        #expect(try second.ask(1, 30, 1, 0x4000) == 0)
        #expect(try second.memory.read(at: 0x4000, count: 512) == second.content(30, 1))
        #expect(second.disk.save() == first.disk.save())
        // The sectors 7 and 8 lie in two blocks of 4 KiB.
        #expect(first.disk.save().blocks.keys.sorted() == [0, 1])
    }
}
