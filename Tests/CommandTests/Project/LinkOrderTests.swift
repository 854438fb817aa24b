import FoundationEssentials
import TestSupport
import Testing

/// tools/link-order.txt names functions by their symbols, which a move to another module or a new parameter changes
/// (docs/linking.md).
struct LinkOrderTests {
    private static let release = "\(TestKernel.root)/.build/release/swiftlet"

    @Test(.enabled(if: FileManager.default.fileExists(atPath: release), "make build was not run"))
    func nearlyAllOfItsNamesLive() throws {
        let nm = try SwiftletProcess([Self.release], program: "/usr/bin/nm").wait()
        #expect(nm.status == 0, "\(nm.errors)")
        let living = Set(nm.output.split(separator: "\n").compactMap { $0.split(separator: " ").last })
        let rooms = try FileManager.default.contentsOfDirectory(atPath: "\(TestKernel.root)/Sources")
        let list = try String(contentsOfFile: "\(TestKernel.root)/tools/link-order.txt", encoding: .utf8)
        // What Swift's own libraries bring stays as it is until the toolchain changes.
        let prefixes = rooms.map { "$s\($0.utf8.count)\($0)" }
        let own = list.split(separator: "\n").filter { name in prefixes.contains(where: name.hasPrefix) }
        #expect(own.count > 200)
        let gone = own.filter { !living.contains($0) }.count
        #expect(
            gone * 10 <= own.count,
            "\(gone) of \(own.count) are gone: make build && tools/link-order, and commit the list")
    }
}
