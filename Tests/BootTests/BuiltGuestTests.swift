import Boot
import FoundationEssentials
import Testing

/// The test kernels that `make build` leaves in guests/build, where they are.
@Suite("Built guests")
struct BuiltGuestTests {
    static let guests: [URL] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "guests/build").path)
        // A task of GNU Mach's is a module, and no kernel.
        return (names ?? []).filter { $0.hasSuffix(".elf") && $0 != "task.elf" || $0.hasSuffix(".bin") }.sorted().map {
            root.appending(path: "guests/build/\($0)")
        }
    }()

    @Test("can be planned into 128 MiB", arguments: guests)
    func plans(guest: URL) throws {
        let plan = try plan(Array(Data(contentsOf: guest)), name: guest.lastPathComponent)
        // A real-mode image in a Linux header has no suffix of its own.
        let isFlat = guest.pathExtension == "bin" && guest.lastPathComponent != "setup16.bin"
        #expect((plan.format == .flat) == isFlat, "\(plan.format)")
    }
}
