import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import VMM

@Suite struct ConsoleOutputTests {
    private static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    }

    @Test func theFirstByteOfABurstIsOutAtOnce() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input))
        console.put(0x41)
        #expect(pipe.readAvailable() == [0x41])
        console.put(0x42)
        console.put(0x43)
        #expect(console.ready.readCount() == 1, "the main thread is told once")
        while console.drain() {}
        #expect(pipe.readAvailable() == [0x42, 0x43])
        console.put(0x44)
        #expect(pipe.readAvailable() == [0x44], "a new burst")
        #expect(console.ready.readCount() == 1)
    }

    /// A MiB from one thread, through a pipe, to a reader that takes a little at a time.
    @Test func aSlowReaderLosesNothing() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input))
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
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input))
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
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input))
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

    /// Far beyond what is kept in memory: the guest's thread comes to its end before anything is read.
    @Test func theGuestWaitsForNoReader() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(
            destination: ConsoleDestination(pipe.input),
            backlog: ConsoleBacklog(memoryLimit: 1 << 16, fileLimit: 4 << 20))
        let bytes = Self.pattern(3 << 20)
        let done = try EventDescriptor("the guest's end")
        let end = done.raw
        let guest = try Thread("guest") {
            for byte in bytes { console.put(byte) }
            eventfd_write(end, 1)
        }
        let ended = eventually(within: 60) {
            console.drain()
            return done.isSignalled
        }
        try #require(ended, "nobody reads, and the guest ends")
        guest.join()
        var taken: [UInt8] = []
        #expect(
            eventually(within: 60) {
                console.drain()
                taken += pipe.readAvailable()
                return taken.count >= bytes.count
            })
        #expect(taken == bytes)
    }

    /// With no room left for what nobody reads, the guest waits, and goes on when there is.
    @Test("without room the guest waits and loses nothing")
    func fullBacklog() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(
            destination: ConsoleDestination(pipe.input), backlog: ConsoleBacklog(memoryLimit: 1000, fileLimit: 1000))
        let bytes = Self.pattern(1 << 20)
        let guest = try Thread("guest") { for byte in bytes { console.put(byte) } }
        for _ in 0..<100 {
            console.drain()
            usleep(1000)
        }
        var taken: [UInt8] = []
        let isWhole = eventually(within: 60) {
            console.drain()
            taken += pipe.readAvailable()
            return taken.count >= bytes.count
        }
        guest.join()
        #expect(isWhole)
        #expect(taken == bytes)
    }

    /// A terminal whose output is stopped, as by ^S, takes a byte by poll's word and then blocks who writes more.
    @Test func aStoppedTerminalBlocksNobody() throws {
        let main = try Descriptor(opening: "/dev/ptmx", flags: O_RDWR | O_NOCTTY)
        var isLocked: Int32 = 0
        try #require(cl_ioctl(main.raw, 0x4004_5431, &isLocked) == 0)
        let peer = cl_ioctl_value(main.raw, 0x5441, UInt(O_RDWR | O_NOCTTY | O_CLOEXEC))
        try #require(peer >= 0)
        let line = Descriptor(owning: peer, object: "a terminal")
        let console = try ConsoleOutput(destination: ConsoleDestination(line.raw))
        for byte in Self.pattern(60_000) { console.put(byte & 0x3F | 0x40) }
        // Much more than a terminal holds: with nobody reading this must come back each time.
        for _ in 0..<20 { console.drain() }
        #expect(fcntl(line.raw, F_GETFL) & O_NONBLOCK == 0, "others who have it find it as it was")
        var taken: [UInt8] = []
        let isWhole = eventually {
            console.drain()
            var entry = pollfd(fd: main.raw, events: Int16(POLLIN), revents: 0)
            var chunk = [UInt8](repeating: 0, count: 4096)
            if poll(&entry, 1, 0) == 1 {
                let count = read(main.raw, &chunk, chunk.count)
                taken += chunk[0..<max(count, 0)]
            }
            return taken.count >= 60_000
        }
        #expect(isWhole)
        #expect(taken == Self.pattern(60_000).map { $0 & 0x3F | 0x40 })
    }

    @Test func anImpatientUserGivesTheReaderUp() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input))
        for byte in Self.pattern(60_000) { console.put(byte) }
        console.drain()
        for byte in Self.pattern(60_000) { console.put(byte) }
        var asked = 0
        let lost = console.flush(isImpatient: { _ in
            asked += 1
            return true
        })
        #expect(asked == 1)
        #expect(lost > 0)
        #expect(lost + pipe.readAvailable().count == 120_000)
    }

    @Test func aReaderThatIsGoneEndsNothing() throws {
        signal(SIGPIPE, SIG_IGN)
        let writing = try Pipe.withoutReader()
        let console = try ConsoleOutput(destination: ConsoleDestination(writing.raw))
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
        let console = try ConsoleOutput(
            destination: destination.map { ConsoleDestination($0 == 1 ? pipe.input : nothing.raw) })
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
