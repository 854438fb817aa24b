import FoundationEssentials
import TestSupport
import Testing

/// A Linux that says nothing over the serial console: docs/post-mortem.md. The kernels here are made up;
/// PassthroughTests/SilenceTests.swift has real ones.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SilentLinuxTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A Linux image with a version's text and code for the 64-bit entry.
    private func image(version: String = "6.1.0-56-amd64 (x@y) #1 SMP", code: [UInt8]) throws -> String {
        var image = LinuxBuilder()
        (image.release, image.code) = (version, code)
        return try directory.file("vmlinuz", image.bytes)
    }

    /// jmp $; cli; hlt
    private static let (spins, hangs): ([UInt8], [UInt8]) = ([0xEB, 0xFE], [0xFA, 0xF4])
    /// mov dx, 0x3f8; mov al, 'A'; out dx, al; jmp $
    private static let talks: [UInt8] = [0x66, 0xBA, 0xF8, 0x03, 0xB0, 0x41, 0xEE, 0xEB, 0xFE]

    private static let advice =
        """
        swiftlet: hint: nothing came over the serial console, and the kernel's command line does not ask for it: \
        add --append console=ttyS0
        """
    private static let stage = "swiftlet: hint: the kernel still runs where it was loaded: "

    private func run(_ image: String, _ append: String) throws -> SwiftletProcess.Ended {
        try SwiftletProcess(["run", image, "--append=\(append)", "--memory", "64M", "--timeout", "300ms"]).wait()
    }

    @Test func itIsToldToAskForTheConsole() throws {
        for code in [Self.spins, Self.hangs] {
            let ended = try run(try image(code: code), "root=/dev/vda")
            #expect(
                ended.status == 124,
                "\(ended.errors)")
            #expect(
                ended.errors.contains(Self.advice),
                "\(ended.errors)")
            #expect(
                ended.errors.contains(Self.stage),
                "\(ended.errors)")
        }
        let ended = try run(try image(code: Self.spins), "console=tty0")
        #expect(
            ended.errors.contains(
                "hint: nothing came over the serial console: console=tty0 is not the port that is shown here"),
            "\(ended.errors)")
        let named = try run(try image(code: Self.spins), "console=ttyS0 earlyprintk=serial")
        #expect(!named.errors.contains("--append"), "\(named.errors)")
        #expect(named.errors.contains(Self.stage), "\(named.errors)")
    }

    @Test func noHintIsGivenWhereTheConsoleHadOutput() throws {
        let ended = try run(try image(code: Self.talks), "")
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(ended.output == "A", "\(ended.errors)")
        #expect(!ended.errors.contains("hint: "), "\(ended.errors)")
    }

    @Test func noHintIsGivenToWhatIsNoLinux() throws {
        // A memory tester comes as a Linux image too.
        for image in [try image(version: "MEMDISK 6.04", code: Self.spins), try TestKernel.built("spins.elf")] {
            let ended = try run(image, "")
            #expect(ended.status == 124, "\(ended.errors)")
            #expect(!ended.errors.contains("hint: "), "\(ended.errors)")
        }
    }
}
