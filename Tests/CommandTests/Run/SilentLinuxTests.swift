import FoundationEssentials
import TestSupport
import Testing

/// A Linux that says nothing over the serial console: docs/post-mortem.md. The kernels here are made up; PassthroughTests/SilenceTests.swift has real ones.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SilentLinuxTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// An image with a Linux setup header, a version's text and code for the 64-bit entry. Linux, Documentation/arch/x86/boot.rst.
    private func image(version: String = "6.1.0-56-amd64 (x@y) #1 SMP", code: [UInt8]) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 1024)
        func put(_ value: UInt64, _ width: Int, at offset: Int) {
            for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        }
        put(1, 1, at: 0x1F1)
        put(0x60, 4, at: 0x1F4)
        put(0xAA55, 2, at: 0x1FE)
        put(0x6AEB, 2, at: 0x200)
        bytes.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        put(0x020F, 2, at: 0x206)
        put(0x100, 2, at: 0x20E)
        put(1, 1, at: 0x211)
        put(0x100000, 4, at: 0x214)
        put(0x7FFF_FFFF, 4, at: 0x22C)
        put(0x20_0000, 4, at: 0x230)
        put(1, 1, at: 0x234)
        put(21, 1, at: 0x235)
        put(3, 2, at: 0x236)
        put(2047, 4, at: 0x238)
        put(0x100_0000, 8, at: 0x258)
        put(0x40_0000, 4, at: 0x260)
        bytes.replaceSubrange(0x300..<0x300 + version.utf8.count, with: Array(version.utf8))
        var program = [UInt8](repeating: 0x90, count: 1536)
        program.replaceSubrange(0x200..<0x200 + code.count, with: code)
        return try directory.file("vmlinuz", bytes + program)
    }

    /// jmp $; cli; hlt
    private static let (spins, hangs): ([UInt8], [UInt8]) = ([0xEB, 0xFE], [0xFA, 0xF4])
    /// mov dx, 0x3f8; mov al, 'A'; out dx, al; jmp $
    private static let talks: [UInt8] = [0x66, 0xBA, 0xF8, 0x03, 0xB0, 0x41, 0xEE, 0xEB, 0xFE]

    private static let advice =
        "swiftlet: hint: nothing came over the serial console, and the kernel's command line does not ask for it: add --append console=ttyS0"
    private static let stage = "swiftlet: hint: the kernel still runs where it was loaded: "

    private func run(_ image: String, _ append: String) throws -> SwiftletProcess.Ended {
        try SwiftletProcess(["run", image, "--append=\(append)", "--memory", "64M", "--timeout", "300ms"]).wait()
    }

    @Test func itIsToldToAskForTheConsole() throws {
        for code in [Self.spins, Self.hangs] {
            let ended = try run(try image(code: code), "root=/dev/vda")
            #expect(ended.status == 124 && ended.errors.contains(Self.advice) && ended.errors.contains(Self.stage), "\(ended.errors)")
        }
        let ended = try run(try image(code: Self.spins), "console=tty0")
        #expect(ended.errors.contains("hint: nothing came over the serial console: console=tty0 is not the port that is shown here"), "\(ended.errors)")
        let named = try run(try image(code: Self.spins), "console=ttyS0 earlyprintk=serial")
        #expect(!named.errors.contains("--append") && named.errors.contains(Self.stage), "\(named.errors)")
    }

    @Test func noHintIsGivenWhereTheConsoleHadOutput() throws {
        let ended = try run(try image(code: Self.talks), "")
        #expect(ended.status == 124 && ended.output == "A" && !ended.errors.contains("hint: "), "\(ended.errors)")
    }

    @Test func noHintIsGivenToWhatIsNoLinux() throws {
        // A memory tester comes as a Linux image too.
        for image in [try image(version: "MEMDISK 6.04", code: Self.spins), try TestKernel.built("spins.elf")] {
            let ended = try run(image, "")
            #expect(ended.status == 124 && !ended.errors.contains("hint: "), "\(ended.errors)")
        }
    }
}
