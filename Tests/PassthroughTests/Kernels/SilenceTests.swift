import Foundation
import Testing

/// What is said of a stock Debian kernel that printed nothing over the serial console: its log is read out of its
/// memory.
@Suite struct SilenceTests {
    private static let panic = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
    private static let found =
        "; its kernel had panicked: \"\(panic)\" (read out of its memory: nothing came over the console)"

    private func silent(_ name: String, status: Int32) async throws -> (
        record: LabRecord, examined: RunReport.PostMortem
    ) {
        let record = try await SilenceLab.session.record(name)
        #expect(record.status == status, record.account)
        #expect(record.output.isEmpty, record.account)
        return (record, try #require(record.report?.postMortem, record.account))
    }

    @Test("a relocated kernel's log is read by its symbols, with times")
    func names() async throws {
        let (record, examined) = try await silent("names", status: 124)
        #expect(record.lastWord.hasPrefix("swiftlet: timeout: "), record.account)
        #expect(record.lastWord.hasSuffix(Self.found), record.account)
        let log = try #require(examined.log, record.account)
        #expect(log.source == "symbols")
        #expect(log.panic == Self.panic)
        #expect(log.lines.count > 100)
        #expect(log.lines.first?.hasPrefix("[    0.000000] Linux version ") == true, "\(log.lines.first ?? "")")
        #expect(log.lines.contains { $0.hasPrefix("[    ") && $0.contains("Command line: root=/dev/nope panic=0") })
        #expect(log.lines.last?.contains("---[ end Kernel panic - not syncing: VFS") == true, "\(log.lines.last ?? "")")
        // Short: the log's last lines, and what to do.
        #expect(
            record.errors.contains {
                $0.hasPrefix("swiftlet: the kernel's log, read out of its memory (by its names), the last 30 of ")
            }, record.account)
        #expect(record.errors.count <= 46, record.account)
        #expect(
            record.errors.suffix(2).first
                == """
                swiftlet: hint: nothing came over the serial console, and the kernel's command line does not ask \
                for it: add --append console=ttyS0
                """
        )
    }

    @Test("without symbols the log is found by its first words; Debian's placeholder System.map is reported")
    func pattern() async throws {
        let (record, examined) = try await silent("pattern", status: 124)
        #expect(record.lastWord.hasSuffix(Self.found), record.account)
        let log = try #require(examined.log, record.account)
        #expect(log.source == "pattern")
        #expect(log.panic == Self.panic)
        #expect(log.lines.count > 100)
        let (first, second) = (try #require(log.lines.first), try #require(log.lines.dropFirst().first))
        #expect(first.hasPrefix("Linux version "), "\(first)")
        #expect(first.hasSuffix(")"), "\(first)")
        #expect(second == "Command line: root=/dev/nope panic=0 console=tty0")
        #expect(
            record.errors.contains { $0.contains(" names no symbols: it is Debian's placeholder, ") }, record.account)
        #expect(
            record.errors.contains { $0.contains("console=tty0 is not the port that is shown here") }, record.account)
    }

    @Test(
        """
        the ELF kernel, which resets itself after its panic: the status is the reset's, and the last line names \
        the panic
        """
    )
    func pvh() async throws {
        let (record, examined) = try await silent("pvh", status: 103)
        #expect(record.report?.outcome == "reset", record.account)
        #expect(record.lastWord.hasSuffix(Self.found), record.account)
        #expect(examined.log?.panic == Self.panic, record.account)
        #expect(examined.hints.first?.contains("console=ttyS1 is not the port") == true)
        let junit = try String(
            contentsOf: Package.root.appending(path: ".build/passthrough/silence/pvh.xml"), encoding: .utf8)
        #expect(
            junit.contains("the last 30 of "),
            "\(junit)")
        #expect(
            junit.contains("hint: nothing came over the serial console"),
            "\(junit)")
        #expect(!junit.contains("rip ffff"), "\(junit)")
    }

    @Test("--post-mortem off skips the examination")
    func off() async throws {
        let record = try await SilenceLab.session.record("off")
        #expect(record.status == 103, record.account)
        #expect(record.report?.postMortem == nil, record.account)
        #expect(record.errors.count == 1, record.account)
    }

    @Test("a kernel stuck in its decompressor is reported as such")
    func decompressor() async throws {
        let (record, examined) = try await silent("decompressor", status: 124)
        #expect(examined.log == nil, record.account)
        #expect(examined.hints.count == 2, record.account)
        #expect(examined.hints.last?.hasPrefix("the kernel still runs where it was loaded: ") == true, record.account)
    }
}
