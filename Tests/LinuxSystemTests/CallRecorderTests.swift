import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

struct CallRecorderTests {
    private static let signal = IoctlRequest(0x4020_AEA5, "KVM_SIGNAL_MSI")

    @Test func aFullDiskEndsInAnErrorAndHarmsNoCall() throws {
        let recorder = try CallRecorder(path: "/dev/full", kernel: ScriptedKernel())
        let calls = ScriptedCalls(recorder)
        // More than is kept in memory, so that the disk is met in mid-run.
        var table = [UInt8](repeating: 0, count: 48 << 10)
        for _ in 0..<4 { try calls.vm.ioctl(IoctlRequest(0x4008_AE6A, "KVM_SET_GSI_ROUTING"), bytes: &table) }
        #expect(try calls.status() == 0x0706)
        #expect(
            throws: SystemCallError(call: "KVM_ASSIGN_PCI_DEVICE", object: "virtual machine", errno: .invalidArgument)
        ) {
            try calls.device(ScriptedCalls.assign, flags: 0)
        }
        for _ in 0..<2 {
            do throws(RecordingError) {
                try recorder.finish()
                Issue.record("a recording on a full disk")
            } catch {
                #expect(
                    error.description
                        == """
                        the recording /dev/full is not whole (write: No space left on device): make room there, or \
                        record to another file system, \
                        and run again
                        """)
            }
        }
    }

    @Test func aDiskThatIsFullAtTheEndIsSaidToo() throws {
        let recorder = try CallRecorder(path: "/dev/full", kernel: ScriptedKernel())
        #expect(throws: RecordingError.self) { try recorder.finish() }
    }

    @Test func aPathThatCantBeWrittenIsSaidBeforeTheRun() {
        let refused = OutputFileError.system(
            SystemCallError(call: "open", object: "/nowhere/trace", errno: .noSuchFileOrDirectory))
        #expect(throws: refused) { _ = try CallRecorder(path: "/nowhere/trace") }
        #expect(
            RecordingError.notMade("/nowhere/trace", refused).description
                == "the recording can't be written to /nowhere/trace: No such file or directory")
    }

    @Test func callsFromSeveralThreadsAreAllThere() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/recording"
        let recorder = try CallRecorder(path: path, kernel: ScriptedKernel())
        let calls = 2000
        let threads = 4
        let machine = Owner(Descriptor(owning: dup(2), object: "virtual machine", kernel: recorder))
        let failures = Atomic(0)
        do {
            var running: [Runner] = []
            for thread in 0..<threads {
                running.append(
                    try Runner {
                        for number in 0..<calls {
                            var message = SIMD8<UInt32>(UInt32(thread), 0, UInt32(number), 0, 0, 0, 0, 0)
                            if (try? machine.descriptor.ioctl(Self.signal, &message)) == nil {
                                failures.add(1, ordering: .relaxed)
                            }
                        }
                    })
            }
            for runner in running { runner.join() }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(try recorder.finish() == threads * calls)
        let lines = try Recording(path: path).lines
        var next = [Int](repeating: 0, count: threads)
        for line in lines {
            guard case .structure(_, let message) = line.call.argument else { continue }
            let thread = Int(message.bytes[0])
            let number = Int(message.bytes[8]) | Int(message.bytes[9]) << 8
            #expect(next[thread] == number, "a thread's own calls keep their order")
            next[thread] += 1
        }
        #expect(next == [Int](repeating: calls, count: threads))
    }

    /// Whole lines, no call behind one that is missing, and an end that says so; it replays up to there.
    @Test("a recording that reached its limit replays up to there")
    func cutRecording() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/recording"
        let recorder = try CallRecorder(
            path: path, kernel: ScriptedKernel(), limit: FileLimit(FileLimit.least, option: "--file-limit"))
        let calls = ScriptedCalls(recorder)
        for number in 0..<3000 {
            recorder.comment { "guest" }
            try calls.command(UInt16(number))
        }
        let count = try recorder.finish()
        #expect(recorder.missing == 3000 - count)
        #expect(count > 500)
        let bytes = try readFile(path)
        #expect(bytes.count <= FileLimit.least)
        #expect(bytes.count > FileLimit.least - 2048)
        #expect(
            String(decoding: bytes, as: UTF8.self).hasSuffix(
                ": \(3000 - count) calls more were made and are not in it\nend \(count) cut \(3000 - count)\n"))
        let recording = try Recording(path: path)
        #expect(recording.lines.count == count)
        #expect(recording.missing == 3000 - count)
        let kernel = ReplayKernel(recording)
        let again = ScriptedCalls(kernel)
        for number in 0..<count { try again.command(UInt16(number)) }
        #expect(kernel.failure == nil)
        #expect(throws: SystemCallError.self) { try again.command(1) }
        #expect(kernel.failure?.kind == .cut)
        #expect(
            kernel.failure?.description.contains(
                "the \(3000 - count) that followed were cut off by the file's limit") == true)
    }

    @Test func withoutItsEndARecordingIsNotWhole() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/recording"
        do {
            let calls = ScriptedCalls(try CallRecorder(path: path, kernel: ScriptedKernel()))
            try calls.command(6)
        }
        #expect(
            try String(decoding: readFile(path), as: UTF8.self).hasSuffix(
                "\n1 \"0000:00:04.0 config\" pwrite 0x4 [0600] = 2\n"))
        #expect(throws: RecordingError.cut(path, calls: 1)) { _ = try Recording(path: path) }
    }

    @Test func whatComesAfterTheEndIsNotRecorded() throws {
        let file = try RecordedFile { recorder in
            let calls = ScriptedCalls(recorder)
            try calls.command(6)
            #expect(try recorder.finish() == 1)
            try calls.command(7)
            #expect(try recorder.finish() == 1)
        }
        #expect(try file.recording.lines.count == 1)
    }

    @Test func aNumberThatComesAgainIsAnotherObject() throws {
        let file = try RecordedFile { recorder in
            for object in ["first", "second"] {
                // The lowest free number: the same one each time, unless another test takes it.
                try Descriptor(owning: dup(2), object: object, kernel: recorder).ioctl(ScriptedCalls.check, value: 1)
            }
        }
        #expect(try file.recording.lines.map(\.call.object) == ["first", "second"])
    }

    private final class Owner: Sendable {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    /// A thread in an array.
    private final class Runner {
        private var thread: Thread?
        init(_ body: @escaping @Sendable () -> Void) throws { thread = try Thread("recorded", body) }
        func join() { thread.take()?.join() }
    }
}
