import LinuxSystem
import Testing

/// The sentences of this room's errors, word for word; other tests match cases.
struct ErrorSentenceTests {
    private static let call = SystemCallError(call: "write", object: "/tmp/x", errno: .noSpace)

    @Test func ofASystemCall() {
        #expect("\(Self.call)" == "write on /tmp/x: No space left on device")
        #expect("\(SystemCallError(call: "fork", object: "", errno: .noMemory))" == "fork: Cannot allocate memory")
    }

    @Test func ofAnOutputFile() {
        let sentences: [(OutputFileError, String)] = [
            (.system(Self.call), "No space left on device"),
            (
                .foreign("named pipe", owner: 1000),
                """
                user 1000 has put a named pipe there, in a directory where everybody may make files; remove it or \
                choose another directory
                """
            ),
            (
                .severalNames,
                """
                the file there has other names too (hard links), in a directory where everybody may make files; remove \
                it or choose another directory
                """
            ),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }

    @Test func ofARecording() {
        let sentences: [(RecordingError, String)] = [
            (
                .notMade("/tmp/x", .system(Self.call)),
                "the recording can't be written to /tmp/x: No space left on device"
            ),
            (
                .unwritten("/tmp/x", Self.call),
                """
                the recording /tmp/x is not whole (write: No space left on device): make room there, or record to \
                another file system, and run again
                """
            ),
            (.unreadable("/tmp/x", Self.call), "the recording /tmp/x can't be read (write: No space left on device)"),
            (
                .tooLarge("/tmp/x"),
                "/tmp/x is larger than 256 MiB, the most that a recording may have: record a shorter run"
            ),
            (
                .notARecording("/tmp/x"),
                "/tmp/x is no recording that this version reads: its first line is not \"swiftlet-recording 1\""
            ),
            (.malformed("/tmp/x", line: 7, reason: "a number is expected"), "/tmp/x, line 7: a number is expected"),
            (
                .cut("/tmp/x", calls: 12),
                """
                the recording /tmp/x breaks off after 12 calls: its last line, "end" and their number, is missing; \
                record again
                """
            ),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }
}
