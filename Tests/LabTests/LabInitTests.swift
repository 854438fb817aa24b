import Testing
import TestSupport

@testable import Lab

struct LabInitTests {
    @Test(
        "The script is one a shell can read", .enabled(if: Host.has("busybox")),
        arguments: [
            HostInterface(files: .shared, streams: .virtio), HostInterface(files: .shared, streams: .serial),
            HostInterface(files: .packed, streams: .serial),
        ])
    func syntax(interface: HostInterface) throws {
        var configuration = LabConfiguration(
            command: ["printf", "%s", "it's $HOME `x` \"y\"\n\\"], currentDirectory: "/a b/it's")
        configuration.devices = [LabDevice(.pci, "edu")]
        configuration.binding = .vfioPCI
        configuration.environment = ["A=it's", "B=$(x)"]
        let script = LabInit(configuration: configuration, interface: interface, mark: EndMark()).script
        #expect(try Host.run("busybox sh -n /dev/stdin 2>&1", input: Array(script.utf8)) == (0, ""))
    }

    @Test(
        "Words survive the shell",
        arguments: ["", "plain", "it's", "a b", "$HOME `x` \\ \"y\" *", "two\nlines", "'", "Grüße"])
    func quoting(word: String) throws {
        #expect(try Host.run("printf %s \(LabInit.quoted(word))").output == word)
    }

    @Test func theMarkEndsAStreamWhereverItIsCut() {
        let mark = EndMark()
        let text = Array("some output\u{1}\u{1e} and \u{1}more\u{1}".utf8)
        let stream = text + Array(mark.text.utf8)
        for size in 1...stream.count {
            var filter = EndMark.Filter(mark)
            var passed: [UInt8] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                #expect(!filter.isAtEnd)
                passed += filter.pass(stream[start..<min(stream.count, start + size)])
            }
            #expect(filter.isAtEnd)
            #expect(passed == text)
        }
    }

    @Test func nothingIsHeldBackThatCanNotBeTheMark() {
        var filter = EndMark.Filter(EndMark(text: "\u{1}end"))
        #expect(filter.pass(Array("prompt> ".utf8)[...]) == Array("prompt> ".utf8))
        #expect(filter.pass([1]) == [])
        #expect(filter.pass([2]) == [1, 2])
        #expect(filter.pass([1]) == [])
        #expect(filter.flush() == [1])
    }

    @Test func progressIsReadFromTheControlPort() {
        var progress = LabProgress()
        progress.append(Array("stage loading modules\r\nstar".utf8)[...])
        #expect(progress.stage == "loading modules")
        #expect(!progress.isStarted)
        progress.append(Array("ted\r\nexit 137\r\n".utf8)[...])
        #expect(progress.isStarted)
        #expect(progress.exitStatus == 137)
        progress.append(Array("failed no 9p\n".utf8)[...])
        #expect(progress.failure == "no 9p")
    }

    @Test func aPanicIsToldFromAShutdown() {
        var log = ConsoleLog()
        log.append(Array("[    1.0] all is well\r\n".utf8)[...])
        #expect(!log.hasPanic)
        #expect(!log.hasPowerOff)
        log.append(
            Array("[    2.0] Kernel panic - not syncing: stack guard page was hit\r\n[    2.1] more\r\n".utf8)[...])
        #expect(log.panic == "Kernel panic - not syncing: stack guard page was hit")
        #expect(log.tail(1) == ["[    2.1] more"])
        log.append(Array("[    3.0] reboot: Power down\r\n".utf8)[...])
        #expect(log.hasPowerOff)
    }
}
