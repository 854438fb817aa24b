import Glibc
import LinuxSystem
import Testing
import TestSupport

@testable import Lab

struct Base64Tests {
    @Test("base64(1) reads and writes the same", arguments: [0, 1, 2, 3, 56, 57, 58, 1000])
    func againstTheProgram(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 200) }
        let text = try Host.run("base64", input: bytes).output
        #expect(Base64.encode(bytes[...]) == Array(text.utf8).filter { $0 != UInt8(ascii: "\n") })
        #expect(Base64.decode(Array(text.utf8)) == bytes)
    }

    @Test func aSliceIsReadFromItsOwnStart() {
        #expect(Base64.encode(Array("xyzabc".utf8)[3...]) == Array("YWJj".utf8))
    }

    @Test func inputIsGivenInLinesThatATerminalTakes() throws {
        let file = try TemporaryFile("input", contents: [UInt8](repeating: 0x41, count: 3000))
        lseek(file.descriptor.raw, 0, SEEK_SET)
        var input = CommandInput(source: file.descriptor.raw)
        // Nothing yet; two lines; nothing until the end is known; the end.
        var lines = [input.nextLine()]
        input.read()
        for _ in 0..<3 { lines.append(input.nextLine()) }
        input.read()
        lines.append(input.nextLine())
        input.rewind()
        lines.append(input.nextLine())
        #expect(lines.map { $0 == nil } == [true, false, false, true, false, false])
        let taken = lines.compactMap { $0 }
        #expect(taken.allSatisfy { $0.count < 4096 && $0.last == UInt8(ascii: "\n") })
        #expect(Base64.decode(taken[0]) + Base64.decode(taken[1]) == [UInt8](repeating: 0x41, count: 3000))
        #expect(taken[2] == Array(".\n".utf8))
        #expect(taken[3] == taken[0])
    }
}
