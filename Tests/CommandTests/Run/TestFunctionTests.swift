import TestSupport
import Testing

@testable import swiftlet

/// `--test-function`: guests/intx and guests/pci drive it, without any device. What needs a line that is right to the
/// interrupt is in the lab (PassthroughTests/InterruptMaskTests.swift): docs/lab.md says why.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct TestFunctionTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let claims = [
        "status-bit", "masked-msix", "masked-msix-unused", "function-mask", "msix-retarget", "msi-blocked",
    ]

    @Test func aGuestFindsItsMessagesRight() throws {
        let names = Self.claims.joined(separator: ",")
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("intx.elf"), "--append", "test=\(names) require=\(names)", "--test-function",
            "auto", "--timeout", "60s",
            "--report", "json:\(directory.path)/report.json")
        #expect(ended.status == 0, "\(ended.output) \(ended.errors)")
        for claim in Self.claims { #expect(ended.output.contains("intx: \(claim) ok"), "\(ended.output)") }
        let report = String(decoding: try readFile("\(directory.path)/report.json"), as: UTF8.self)
        for part in [
            "\"address\" : \"test function in slot 1\"", "\"backend\" : \"emulated\"", "\"kind\" : \"msix\"",
            "\"held\" : 3",
        ] {
            #expect(report.contains(part), "\(part): \(report)")
        }
    }

    @Test func itIsAFunctionLikeOthers() throws {
        let names = "agreement,identity,command-bits,capabilities,bar-sizes,bar-overlap,bar-move,decode-off"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("pci.elf"), "--append", "test=\(names) require=\(names)", "--test-function", "7",
            "--test-function", "auto",
            "--timeout", "60s")
        #expect(ended.status == 0, "\(ended.output) \(ended.errors)")
        #expect(
            ended.output.contains("pci: 00:01.0 1234:5446"),
            "\(ended.output)")
        #expect(
            ended.output.contains("pci: 00:07.0 1234:5446"),
            "\(ended.output)")
    }

    @Test func anythingAHostileGuestWritesIsHarmless() throws {
        for seed in 1...3 {
            let ended = try SwiftletProcess.run(
                "run", TestKernel.built("hostile.elf"), "--append", "mode=all slot=1 seed=\(seed) n=3000",
                "--test-function", "1", "--timeout", "60s")
            #expect(ended.status == 0, "seed \(seed): \(ended.output) \(ended.errors)")
        }
    }

    @Test func aSlotIsTakenOnce() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--test-function", "3", "--test-function", "3")
        #expect(ended.status == 64)
        #expect(ended.lastLine.contains("PCI slot 3 is taken"), "\(ended.errors)")
    }

    @Test(arguments: ["0", "32", "-1", "+5", "", "first"])
    func whatIsNoSlotIsRefused(text: String) {
        #expect(throws: BadValue.self) { try TestFunctionOption(option: text) }
    }
}
