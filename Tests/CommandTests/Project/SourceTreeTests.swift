import FoundationEssentials
import TestSupport
import Testing

/// The folders of the sources, and what the docs say of them and of their files.
struct SourceTreeTests {
    private static let manager = FileManager.default

    /// Folders with more files than `limit`, each with the reason why.
    private static let exceptions: [String: String] = [:]
    private static let limit = 15

    /// What is below a folder of the repository, without the headers of C targets, which SwiftPM wants in `include`.
    private func paths(below folder: String) throws -> [String] {
        try Self.manager.subpathsOfDirectory(atPath: "\(TestKernel.root)/\(folder)").filter {
            !$0.split(separator: "/").contains("include")
        }
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return Self.manager.fileExists(atPath: "\(TestKernel.root)/\(path)", isDirectory: &isFolder) && isFolder
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(TestKernel.root)/\(path)", encoding: .utf8)
    }

    /// The lines of the list of folders in docs/architecture.md: a path below Sources, and what it is said to hold.
    private func listed() throws -> [(path: String, words: Substring)] {
        let section = try text("docs/architecture.md").split(separator: "\n## ").first { $0.hasPrefix("Folders\n") }
        var above: [Substring] = []
        return try #require(section).split(separator: "\n").filter { $0.hasPrefix("    ") }.map { line in
            let depth = line.prefix { $0 == " " }.count / 2 - 2
            let name = line.drop { $0 == " " }.prefix { $0 != "/" }
            above = above.prefix(depth) + [name]
            return (above.joined(separator: "/"), line.drop { $0 != "/" }.dropFirst().drop { $0 == " " })
        }
    }

    @Test func everyFolderHasALineAndEveryLineAFolder() throws {
        let lines = try listed()
        let folders = try paths(below: "Sources").filter { isFolder("Sources/\($0)") }
        #expect(folders.count > 50)
        #expect(lines.map(\.path).sorted() == folders.sorted())
        #expect(lines.filter { $0.words.isEmpty }.map(\.path) == [])
    }

    @Test(arguments: ["Sources", "Tests"]) func noFolderHasMoreFilesThanTheLimit(_ top: String) throws {
        var counts: [String: Int] = [:]
        for path in try paths(below: top) where [".swift", ".c", ".h"].contains(where: path.hasSuffix) {
            counts["\(top)/\(path.split(separator: "/").dropLast().joined(separator: "/"))", default: 0] += 1
        }
        #expect(counts.count > 10)
        for (folder, count) in counts where Self.exceptions[folder] == nil {
            #expect(count <= Self.limit, "\(folder) has \(count) files")
        }
        for (folder, reason) in Self.exceptions where folder.hasPrefix("\(top)/") {
            #expect(counts[folder, default: 0] > Self.limit, "\(folder) is no exception any more")
            #expect(!reason.isEmpty, "\(folder) is no exception any more")
        }
    }

    /// A regular expression and what another program is expected to write stand alone in a line, unbroken.
    private func standsUnbroken(_ line: Substring) -> Bool {
        let text = line.drop { $0 == " " }
        return text.hasPrefix("/") && text.hasSuffix("/") && !text.hasPrefix("//")
            || text.hasPrefix("#\"") && text.hasSuffix("\"#,")
    }

    /// `swift format` breaks no strings and no comments, and takes no C and no assembly.
    @Test func noLineHasMoreThan120Columns() throws {
        var count = 0
        for folder in ["Sources", "Tests", "Fuzz", "guests", "firmware", "bench"] {
            for path in try Self.manager.subpathsOfDirectory(atPath: "\(TestKernel.root)/\(folder)")
            where [".swift", ".c", ".h", ".S", ".inc", ".ld"].contains(where: path.hasSuffix) {
                count += 1
                let lines = try text("\(folder)/\(path)").split(separator: "\n", omittingEmptySubsequences: false)
                for (index, line) in lines.enumerated()
                where line.utf8.count > 120 && line.count > 120 && !standsUnbroken(line) {
                    Issue.record("\(folder)/\(path):\(index + 1) has \(line.count) columns")
                }
            }
        }
        #expect(count > 500)
    }

    /// Why it is sound that the compiler does not check it stands below each `@unchecked Sendable`.
    @Test(arguments: ["Sources", "Tests"]) func whatIsUncheckedSaysWhy(_ top: String) throws {
        var count = 0
        for path in try paths(below: top) where path.hasSuffix(".swift") {
            let lines = try text("\(top)/\(path)").split(separator: "\n")
            for (index, line) in lines.enumerated() where line.contains(/[:,] @unchecked Sendable/) {
                count += 1
                let reason = lines[(index + 1)...].prefix(2).contains { $0.contains("// @unchecked: ") }
                #expect(reason, "\(top)/\(path): \(line)")
            }
        }
        #expect(count > 5)
    }

    /// A doc comment opens with a verb ("Returns ...") or a noun ("A ..."): so it says at once what a declaration is.
    @Test func docCommentsOpenWithAVerbOrANoun() throws {
        let questions: Set<Substring> = ["What", "Whether", "How", "Where", "Who", "Whose"]
        var count = 0
        var found: [String] = []
        for path in try paths(below: "Sources") where path.hasSuffix(".swift") {
            var isInside = false
            for (index, line) in try text("Sources/\(path)").split(
                separator: "\n", omittingEmptySubsequences: false
            ).enumerated() {
                let line = line.drop { $0 == " " }
                defer { isInside = line.hasPrefix("///") }
                guard !isInside, line.hasPrefix("/// ") else { continue }
                count += 1
                if let word = line.dropFirst(4).split(separator: " ").first, questions.contains(word) {
                    found.append("\(path):\(index + 1)")
                }
            }
        }
        #expect(count > 3000)
        #expect(found.count * 100 <= count, "\(found.count) of \(count): \(found)")
    }

    @Test func everyPathInTheDocsLeadsSomewhere() throws {
        let pages = try Self.manager.contentsOfDirectory(atPath: "\(TestKernel.root)/docs").filter {
            $0.hasSuffix(".md")
        }.map { "docs/\($0)" }
        var count = 0
        for page in pages + [
            "README.md", "CONTRIBUTING.md", "firmware/README.md", "guests/README.md", "bench/README.md",
        ] {
            for path in try text(page).matches(
                of: /\b(?:Sources|Tests|tools|Fuzz|guests)\/[A-Za-z0-9_\/.-]*[A-Za-z0-9]/
            ).map({ String($0.output) }) {
                // What a build leaves is not there in a fresh clone.
                guard !path.hasPrefix("guests/build") else { continue }
                count += 1
                #expect(Self.manager.fileExists(atPath: "\(TestKernel.root)/\(path)"), "\(page) names \(path)")
            }
        }
        #expect(count > 50)
    }
}
