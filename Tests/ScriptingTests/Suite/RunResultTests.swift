import Testing

@testable import Scripting

@Suite struct RunResultTests {
    private static let result = RunResult(
        ending: .tripleFault, outcome: "triple-fault", status: 102,
        sentence: "triple fault on vCPU 0\nend 0\n\u{1F600}",
        postMortem: ["rip 0x10", "", "end 0"],
        lostConsoleBytes: 7, missingConsoleBytes: 9, consoleTail: "end 0\nlast", notes: ["end 0", "a note"])

    @Test func itComesOutAsItWentIn() throws {
        #expect(try RunResult(encoded: Self.result.encoded) == Self.result)
        for ending in RunResult.Ending.allCases {
            let plain = RunResult(ending: ending, outcome: "", status: 0, sentence: "")
            #expect(try RunResult(encoded: plain.encoded) == plain)
        }
        #expect(RunResult.Ending.allCases.filter { !$0.isOfGuest } == [.interrupted, .hostFailure, .notStarted])
    }

    /// A pipe holds a page at the least, and one that is full takes no result at all.
    @Test(arguments: [1 << 12, 1 << 16])
    func aLongPostMortemIsCutToTheRoomThereIs(_ room: Int) throws {
        var long = Self.result
        long.postMortem = (0..<10_000).map { "line \($0)" }
        let bytes = long.encoded(within: room)
        #expect(bytes.count <= room)
        #expect(bytes.count > room - 200)
        let read = try RunResult(encoded: bytes)
        #expect(read.sentence == long.sentence)
        #expect(read.ending == long.ending)
        #expect(read.missingConsoleBytes == 9)
        let kept = read.postMortem.dropLast()
        #expect(Array(kept) == Array(long.postMortem.prefix(kept.count)))
        #expect(read.postMortem.last == "and \(10_000 - kept.count) more lines")
        #expect(Self.result.encoded(within: room) == Self.result.encoded)
    }

    @Test func lessThanAWholeOneIsNone() {
        let bytes = Self.result.encoded
        for count in 0..<bytes.count {
            #expect(throws: RunResult.Malformed.self, "\(count) bytes") {
                try RunResult(encoded: Array(bytes[..<count]))
            }
        }
        #expect(throws: RunResult.Malformed.self) { try RunResult(encoded: bytes + [10]) }
        #expect(throws: RunResult.Malformed.self) { try RunResult(encoded: bytes + bytes) }
    }

    @Test(arguments: [
        "swiftlet-result 2\nend 0\n\n", "swiftlet-result 1\nend 0\n\n", "hello: cpu 0\n",
        "swiftlet-result 1\nstatus -1\n0\nend 0\n\n",
        "swiftlet-result 1\nstatus 9223372036854775807\n0\nend 0\n\n", "swiftlet-result 1\nstatus\n0\nend 0\n\n",
    ])
    func otherBytesAreNone(_ text: String) {
        #expect(throws: RunResult.Malformed.self) { try RunResult(encoded: Array(text.utf8)) }
    }

    @Test(arguments: [
        ("status 3\n102", "status 3\n256"), ("status 3\n102", "status 2\n-1"),
        ("triple-fault\noutcome", "double-fault\noutcome"), ("status 3", "states 3"),
        ("outcome 12\ntriple-fault\n", ""), ("status 3\n102\n", "status 3\n102\nstatus 3\n102\n"),
    ])
    func aChangedOneIsNone(_ change: (String, String)) throws {
        var text = String(decoding: Self.result.encoded, as: UTF8.self)
        let place = try #require(text.firstRange(of: change.0))
        text.replaceSubrange(place, with: change.1)
        #expect(throws: RunResult.Malformed.self) { try RunResult(encoded: Array(text.utf8)) }
    }
}
