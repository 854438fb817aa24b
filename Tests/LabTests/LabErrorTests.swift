import HostSystem
import LinuxSystem
import Testing

@testable import Lab

/// The lab's sentences, word for word, and the status that each ends with.
struct LabErrorTests {
    private static let call = SystemCallError(call: "open", object: "/boot/vmlinuz", errno: .permissionDenied)

    @Test func ofTheLab() {
        let full = OutputFileError.system(SystemCallError(call: "write", object: "out", errno: .noSpace))
        let broken = OutputFileError.system(SystemCallError(call: "write", object: "out", errno: .ioError))
        let sentences: [(LabError, Int32, String)] = [
            (.usage("--cpus: 1 to 16"), 64, "--cpus: 1 to 16"),
            (
                .missing(what: "busybox", package: "busybox-static"), 69,
                "busybox is missing: apt-get install busybox-static"
            ),
            (.kernel("/boot has no kernel"), 125, "/boot has no kernel"),
            (.system(Self.call), 125, "open on /boot/vmlinuz: Permission denied"),
            (
                .unwritable("the console log", path: "out", full), 73,
                "the console log can't be written to out: No space left on device"
            ),
            (
                .unwritable("the console log", path: "out", broken), 125,
                "the console log can't be written to out: Input/output error"
            ),
            (.refused("no such device"), 64, "QEMU refused: no such device"),
            (.emulator("QEMU ended by itself"), 125, "QEMU ended by itself"),
            (.setup("no 9p"), 125, "the lab's host could not set itself up: no 9p"),
            (
                .silent(seconds: 60, stage: "booting"), 125,
                """
                the lab's host did not get to the command in 60 s (it was booting): the machine is overloaded or \
                this kernel does not boot
                """
            ),
            (.crashed("an oops"), 125, "the lab's own host crashed, not the command (an oops)"),
            (.powerOff, 125, "the command shut the lab's host down, so it has no exit status"),
            (.timeout(seconds: 2.5, stage: "booting"), 125, "timeout after 2.5 s (booting)"),
            (.timeout(seconds: 60, stage: "running"), 125, "timeout after 60 s (running)"),
            (.interrupted, 125, "interrupted"),
            (.outputClosed, 125, "the reader of the command's output went away"),
        ]
        for (error, status, sentence) in sentences {
            #expect("\(error)" == sentence)
            #expect(error.exitStatus == status, "\(sentence)")
        }
    }

    @Test func ofThisHost() {
        let sentences: [(HostSystemError, String)] = [
            (.missing(what: "QEMU", package: "qemu-system-x86"), "QEMU is missing: apt-get install qemu-system-x86"),
            (.absent("/lib/modules/6.1"), "/lib/modules/6.1 does not exist"),
            (.system(Self.call), "open on /boot/vmlinuz: Permission denied"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
        #expect("\(LabError(.absent("/x")))" == "--kernel or --modules: /x does not exist")
    }
}
