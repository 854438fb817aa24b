import FoundationEssentials
import TestSupport
import Testing

@testable import swiftlet

/// The documents are lists too: of tests, links, options and make's targets. What they name is there.
struct DocumentTests {
    /// Options of other programs, each with the program; and one that the argument parser keeps out of its list.
    private static let foreignOptions = [
        "--filter": "swift test", "--product": "swift build", "--gc-sections": "ld", "--icf": "ld",
        "--schema": "xmllint", "--args": "gdb",
        "--generate-completion-script": "ArgumentParser",
    ]
    /// Targets of other Makefiles, each with its project.
    private static let foreignTargets = ["kernelmemfs": "xv6", "allnoconfig": "Linux"]

    private static let pages: [String] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: "\(TestKernel.root)/docs")) ?? []
        return [
            "README.md", "CONTRIBUTING.md", "firmware/README.md", "guests/README.md", "bench/README.md",
            "docs/ci/README.md",
        ]
            + docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(TestKernel.root)/\(path)", encoding: .utf8)
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(TestKernel.root)/\(path)")
    }

    // MARK: Promises

    /// The functions of each file of tests, by its target and its own name: `KVMTests/CPUIDTests.swift`.
    private static func functions() throws -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: "\(TestKernel.root)/Tests")
        where path.hasSuffix(".swift") {
            let parts = path.split(separator: "/")
            guard parts.count > 1 else { continue }
            // A helper is private or static.
            let names = try text("Tests/\(path)").split(separator: "\n").compactMap { line in
                line.prefixMatch(of: /\s*(?:@Test.*\s)?func `?([^`(<]+)/).map { String($0.1) }
            }
            found["\(parts[0])/\(parts[parts.count - 1])", default: []].formUnion(names)
        }
        return found
    }

    /// In docs/promises.md a part of a cell, up to a semicolon, has names of tests, and then their files. "The same
    /// file" is the last one named.
    @Test func everyTestThatHoldsAPromiseIsThere() throws {
        let functions = try Self.functions()
        var (last, count) = ("", 0)
        let rows = try Self.text("docs/promises.md").split(separator: "\n").filter { $0.hasPrefix("| ") }
        for line in rows where line != "| promise | held by |" {
            let cells = line.split(separator: " | ")
            #expect(cells.count == 2, "\(line)")
            for part in (cells.last ?? "").split(separator: "; ") {
                var files: [String] = part.contains("the same file") ? [last] : []
                var target: Substring = ""
                for match in part.matches(of: /(?:([A-Za-z0-9]+)\/)?([A-Za-z0-9]+)\.swift/) {
                    target = match.1 ?? target
                    if target != "Fuzz" { files.append("\(target)/\(match.2)") }
                }
                files = files.map { $0.hasSuffix(".swift") ? $0 : "\($0).swift" }
                for file in files { #expect(functions[file] != nil, "\(file) is not there: \(part)") }
                last = files.last ?? last
                let names = part.matches(of: /`([a-z][A-Za-z0-9_]*)`/).map { String($0.1) }
                if part.hasPrefix("target") {
                    for name in names {
                        #expect(Self.exists("Fuzz/corpus/\(name)"), "there is no target \(name) of tools/fuzz")
                    }
                } else if files.isEmpty {
                    let tests = names.filter { $0.contains(where: \.isUppercase) }
                    #expect(tests == [], "no file is named: \(part)")
                } else {
                    let there = files.reduce(into: Set<String>()) { $0.formUnion(functions[$1] ?? []) }
                    for name in names where !there.contains(name) { Issue.record("\(name) is not in \(files)") }
                    count += names.count
                }
            }
        }
        #expect(count > 800)
    }

    // MARK: Links

    /// The anchors that GitHub gives a page's headings.
    private static func anchors(_ page: String) throws -> Set<String> {
        var found: Set<String> = []
        for line in prose(try text(page)) {
            guard let heading = line.wholeMatch(of: /#{1,6} (.+)/)?.1 else { continue }
            let plain = String(heading).replacing(/\[([^\]]*)\]\([^)]*\)/) { String($0.1) }.lowercased()
            let kept = plain.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
            let base = String(kept.map { $0 == " " ? "-" : $0 })
            var (anchor, number) = (base, 0)
            while !found.insert(anchor).inserted {
                number += 1
                anchor = "\(base)-\(number)"
            }
        }
        return found
    }

    @Test func everyLinkLeadsSomewhere() throws {
        var count = 0
        for page in Self.pages {
            let folder = page.split(separator: "/").dropLast()
            let text = Self.prose(try Self.text(page)).joined(separator: "\n")
            for match in text.matches(of: /\]\(([^)\s]+)\)/) {
                let link = String(match.1)
                guard link.prefixMatch(of: /[a-z]+:/) == nil else { continue }
                count += 1
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                var path = folder
                for step in parts[0].split(separator: "/") {
                    if step == ".." { path = path.dropLast() } else { path.append(step) }
                }
                let target = parts[0].isEmpty ? page : path.joined(separator: "/")
                guard Self.exists(target) else {
                    Issue.record("\(page) links to \(link), which is not there")
                    continue
                }
                if parts.count > 1 {
                    let isThere = try Self.anchors(target).contains(String(parts[1]))
                    #expect(isThere, "\(page) links to \(link), and there is no such heading")
                }
            }
        }
        #expect(count > 100)
    }

    // MARK: Options and targets

    /// The lines that are no code.
    private static func prose(_ text: String) -> [Substring] { lines(text).filter { !$0.isCode }.map(\.text) }

    /// A page's code: whole lines, and what stands between backticks in others.
    private static func code(_ text: String) -> [Substring] {
        let spans = prose(text).joined(separator: "\n").matches(of: /`([^`]+)`/).map { Substring($0.1) }
        return lines(text).filter(\.isCode).map(\.text) + spans
    }

    private static func lines(_ text: String) -> [(text: Substring, isCode: Bool)] {
        var isFenced = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let isFence = line.drop { $0 == " " }.hasPrefix("```")
            if isFence { isFenced.toggle() }
            return (line, isFence || isFenced || line.hasPrefix("    "))
        }
    }

    private static func options(_ help: CommandHelp) -> Set<String> {
        let own = (help.arguments ?? []).flatMap { ($0.names ?? []).map(\.text) }
        return (help.subcommands ?? []).reduce(into: Set(own)) { $0.formUnion(options($1)) }
    }

    @Test func everyOptionIsOne() throws {
        let known = Self.options(try .ofProgram())
        var named: Set<String> = []
        for page in Self.pages {
            for match in try Self.text(page).matches(of: /(?:^|[^\w-])(--[a-z][a-z0-9-]*)/) {
                let option = String(match.1)
                named.insert(option)
                #expect(known.contains(option) || Self.foreignOptions[option] != nil, "\(page) names \(option)")
            }
        }
        #expect(named.intersection(known).count > 45)
        #expect(Set(Self.foreignOptions.keys).subtracting(named) == [], "no page names these any more")
    }

    @Test func everyTargetOfMakeIsOne() throws {
        let heads = try Self.text("Makefile").split(separator: "\n").compactMap {
            $0.prefixMatch(of: /([a-z][a-z0-9-]*):/)
        }
        let targets = Set(heads.map { String($0.1) })
        var named: Set<String> = []
        for page in Self.pages {
            let uses = Self.code(try Self.text(page)).flatMap {
                $0.matches(of: /\bmake(?: [A-Z_]+=\S+)* ([a-z][a-z0-9-]*)/)
            }
            for match in uses {
                let target = String(match.1)
                named.insert(target)
                #expect(targets.contains(target) || Self.foreignTargets[target] != nil, "\(page) names make \(target)")
            }
        }
        #expect(named.intersection(targets).count > 10)
        #expect(Set(Self.foreignTargets.keys).subtracting(named) == [], "no page names these any more")
    }

    /// Whoever types `make` and no more is told what there is, and nothing is built or installed.
    @Test func makeAloneTellsItsTargets() throws {
        let makefile = try Self.text("Makefile").split(separator: "\n", omittingEmptySubsequences: false)
        let header = makefile.prefix { $0.hasPrefix("#") }.map { $0.dropFirst().drop { $0 == " " } }
        let ended = try SwiftletProcess(["-C", TestKernel.root, "--no-print-directory"], program: "/usr/bin/make")
            .wait()
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(ended.errors.isEmpty, "\(ended.errors)")
        let told = ended.output.split(separator: "\n")
        #expect(told.map { $0.drop { $0 == " " } } == header.filter { !$0.isEmpty })
        #expect(told.allSatisfy { $0.count <= 100 })
        let phony = makefile.filter { $0.hasPrefix(".PHONY:") }.flatMap { $0.split(separator: " ").dropFirst() }
        #expect(phony.count > 15)
        for target in phony { #expect(told.contains { $0.hasPrefix("make \(target) ") }, "\(target) is not told") }
    }
}
