import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import VMM

@Suite struct ConsoleOutputTests {
    private static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

    @Test func theFirstByteOfABurstIsOutAtOnce() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: pipe.input)
        console.put(0x41)
        #expect(pipe.readAvailable() == [0x41])
        console.put(0x42)
        console.put(0x43)
        #expect(console.ready.take() == 1, "the main thread is told once")
        while console.drain() {}
        #expect(pipe.readAvailable() == [0x42, 0x43])
        console.put(0x44)
        #expect(pipe.readAvailable() == [0x44], "a new burst")
        #expect(console.ready.take() == 1)
    }

    /// A MiB from one thread, through a pipe, to a reader that takes a little at a time.
    @Test func aSlowReaderLosesNothing() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: pipe.input)
        let bytes = Self.pattern(1 << 20)
        let guest = try Thread("guest") { for byte in bytes { console.put(byte) } }
        var taken: [UInt8] = []
        let isWhole = eventually(within: 60) {
            console.drain()
            // Less than the pipe holds, so that it is full for most of the time.
            var entry = pollfd(fd: pipe.reading.raw, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, 0) == 1, let chunk = pipe.readChunk(20_000) { taken += chunk }
            return taken.count >= bytes.count
        }
        guard isWhole else {
            Issue.record("\(taken.count) bytes came of \(bytes.count)")
            return
        }
        guest.join()
        #expect(taken == bytes)
        #expect(console.flush() == 0)
    }

    @Test func theMainThreadNeverWaitsForAReader() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: pipe.input)
        for byte in Self.pattern(60_000) { console.put(byte) }
        // Much more than a pipe takes; with nobody reading this must come back each time.
        for _ in 0..<10 { console.drain() }
        for byte in Self.pattern(60_000) { console.put(byte) }
        for _ in 0..<10 { console.drain() }
        var taken = 0
        #expect(
            eventually {
                console.drain()
                taken += pipe.readAvailable().count
                return taken == 120_000
            })
    }

    /// Once the run has ended nobody drains while vCPUs are waited for: a put must not wait for room.
    @Test func afterTheEndAPutNeverWaits() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: pipe.input)
        console.close()
        for byte in Self.pattern(200_000) { console.put(byte) }
        var taken: [UInt8] = []
        #expect(
            eventually {
                let goesOn = console.drain()
                taken += pipe.readAvailable()
                return !goesOn && taken.count == 200_000
            })
        #expect(taken == Self.pattern(200_000))
    }

    @Test func aReaderThatIsGoneEndsNothing() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        #expect(Glibc.pipe(&ends) == 0)
        close(ends[0])
        let writing = Descriptor(owning: ends[1], object: "a pipe")
        let console = try ConsoleOutput(destination: writing.raw)
        for byte in Self.pattern(300_000) {
            console.put(byte)
            if byte == 0 { while console.drain() {} }
        }
        #expect(console.flush() == 0)
    }

    @Test func thrownAwayItStillKeepsTheTail() throws {
        let console = try ConsoleOutput(destination: nil)
        for number in 0..<3000 {
            for byte in "line \(number)\n".utf8 { console.put(byte) }
            console.drain()
        }
        #expect(console.lastLines.hasSuffix("line 2998\nline 2999\n"))
        #expect(console.lastLines.utf8.count == 4096)
    }

    /// The first byte of a burst is written before anyone looks, and a reader that stops reading ends no one's watch.
    @Test(arguments: [nil, 0, 1] as [Int?])
    func whoWatchesSeesEveryByteOnceInOrder(destination: Int?) throws {
        let pipe = try Pipe()
        // 0: writes fail at once; 1: a pipe that nobody reads.
        let nothing = try Descriptor(opening: "/dev/null", flags: O_RDONLY)
        let console = try ConsoleOutput(destination: destination.map { $0 == 1 ? pipe.input : nothing.raw })
        var seen: [UInt8] = []
        for byte in Self.pattern(30_000) {
            console.put(byte)
            if byte % 50 == 0 { while seen.count < 20_000, console.drain({ seen += $0 }) {} }
        }
        console.close()
        while console.drain({ seen += $0 }), seen.count < 30_000 {}
        #expect(seen == Self.pattern(30_000))
    }

    @Test func theTailIsWhatCameLast() throws {
        for count in [0, 1, 4095, 4096, 4097, 10_000] {
            let console = try ConsoleOutput(destination: nil)
            for number in 0..<count { console.put(UInt8(0x20 + number % 90)) }
            let expected = (max(0, count - 4096)..<count).map { UInt8(0x20 + $0 % 90) }
            #expect(console.lastLines == String(decoding: expected, as: UTF8.self))
        }
    }
}
