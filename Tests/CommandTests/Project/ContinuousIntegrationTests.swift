import FoundationEssentials
import Glibc
import Scripting
import TestSupport
import Testing

@testable import swiftlet

/// The files of docs/ci: right by the systems' own schemas, and by our parser.
@Suite(.enabled(if: Checkers.arePresent, "\(Checkers.absence)"))
struct ContinuousIntegrationTests {
    private static let folder = "\(TestKernel.root)/docs/ci"
    private static let (github, gitlab, kubernetes) = (
        "\(folder)/github-actions.yml", "\(folder)/gitlab-ci.yml", "\(folder)/kubernetes-job.yaml"
    )

    @Test func theirSystemsSchemasTakeThem() throws {
        for (file, schema) in [(Self.github, "vendor.github-workflows"), (Self.gitlab, "vendor.gitlab-ci")] {
            let answer = try Checkers.run("check_jsonschema", "--builtin-schema", schema, file)
            #expect(answer.status == 0, "\(answer.text)")
        }
        let job = try Checkers.run("kubernetes_validate", "--strict", Self.kubernetes)
        #expect(job.status == 0, "\(job.text)")
        #expect(job.text.contains("passed"), "\(job.text)")
        let style = try Checkers.run(
            "yamllint", "--strict", "--config-file", "\(Self.folder)/.yamllint", Self.github, Self.gitlab,
            Self.kubernetes)
        #expect(style.status == 0, "\(style.text)")
    }

    /// The schemas do refuse: a key misspelt in each.
    @Test func theSchemasRefuseMistakes() throws {
        let directory = try TemporaryDirectory()
        for (file, right, wrong, check) in [
            (Self.github, "runs-on:", "run-on:", ["check_jsonschema", "--builtin-schema", "vendor.github-workflows"]),
            (Self.gitlab, "when: always", "when: ever", ["check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]),
            (Self.kubernetes, "completionMode", "completionMood", ["kubernetes_validate", "--strict", "--quiet"]),
        ] {
            var text = String(decoding: try readFile(file), as: UTF8.self)
            text.replaceSubrange(try #require(text.firstRange(of: right)), with: wrong)
            let bad = try directory.file("bad.yml", Array(text.utf8))
            let answer = try Checkers.run(check[0], check[1], check[2], bad)
            #expect(answer.status != 0, "\(file)")
        }
    }

    private func document(_ file: String) throws -> YAML {
        let answer = try Checkers.python(
            "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))", [file])
        return try JSONDecoder().decode(YAML.self, from: Data(answer.text.utf8))
    }

    /// Parses a command line as the program would.
    private func suite(_ words: [String]) throws -> SuiteCommand {
        #expect(words.first == "swiftlet")
        return try #require(try Swiftlet.parseAsRoot(Array(words.dropFirst())) as? SuiteCommand)
    }

    @Test func gitHubsRunnersTakeAPartEach() throws {
        let job = try document(Self.github)["jobs"]["boots"]
        let shards = job["strategy"]["matrix"]["shard"].array.compactMap(\.number)
        let lines = job["steps"].array.compactMap { $0["run"].text }.filter { $0.hasPrefix("swiftlet ") }
        #expect(lines.count == 1)
        #expect(shards.count > 1)
        var places: [Int] = []
        for shard in shards {
            // What GitHub puts in the place of its expressions.
            var line = lines.first ?? ""
            for (expression, value) in [("${{ matrix.shard }}", shard), ("${{ strategy.job-total }}", shards.count)] {
                while let range = line.firstRange(of: expression) { line.replaceSubrange(range, with: "\(value)") }
            }
            #expect(!line.contains("${{"))
            let command = try suite(try ShellWords.split(line))
            let part = try Shard(try #require(command.shard))
            #expect(part.count == shards.count)
            places += (0..<20).filter { part.contains($0) }
            let kept = job["steps"].array.compactMap { $0["with"]["path"].text }.first ?? ""
            for report in command.report { #expect(kept.contains(report.path)) }
            #expect(kept.contains(try #require(command.logs)))
        }
        #expect(places.sorted() == Array(0..<20))
    }

    @Test func gitLabsJobsTakeAPartEach() throws {
        let job = try document(Self.gitlab)["boots"]
        let command = try suite(try ShellWords.split(try #require(job["script"].array.first?.text)))
        #expect(command.shard == nil)
        #expect(job["artifacts"]["reports"]["junit"].text == command.report.first?.path)
        #expect(command.report.first?.format == .junit)
        let count = try #require(job["parallel"].number)
        try everyPartIsRead(Self.gitlab, names: ["CI_NODE_INDEX", "CI_NODE_TOTAL"], count: count) {
            ["CI_NODE_INDEX": "\($0 + 1)", "CI_NODE_TOTAL": "\(count)"]
        }
    }

    @Test func kubernetesPodsTakeAPartEach() throws {
        let job = try document(Self.kubernetes)["spec"]
        let container = try #require(job["template"]["spec"]["containers"].array.first)
        let command = try suite(container["command"].array.compactMap(\.text))
        #expect(command.shard == nil)
        #expect(job["completionMode"].text == "Indexed")
        #expect(command.report.first?.path.contains("$(JOB_COMPLETION_INDEX)") == true)
        let count = try #require(job["completions"].number)
        var given: [String: String] = [:]
        for entry in container["env"].array { given[entry["name"].text ?? ""] = entry["value"].text }
        #expect(given == ["JOB_COMPLETIONS": "\(count)"])
        // The variable that the Job's controller adds: "Jobs", completion mode.
        try everyPartIsRead(Self.kubernetes, names: ["JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"], count: count) {
            given.merging(["JOB_COMPLETION_INDEX": "\($0)"]) { $1 }
        }
        let statuses = job["podFailurePolicy"]["rules"].array.flatMap {
            $0["onExitCodes"]["values"].array.compactMap(\.number)
        }
        #expect(
            statuses == [ExitStatus.failed, ExitStatus.usage, ExitStatus.badInput, ExitStatus.noInput].map { Int($0) })
    }

    private func everyPartIsRead(_ file: String, names: [String], count: Int, _ environment: (Int) -> [String: String])
        throws
    {
        let text = String(decoding: try readFile(file), as: UTF8.self)
        for name in names { #expect(text.contains(name)) }
        let shards = try (0..<count).map { place in
            let variables = environment(place)
            return try Shard.fromEnvironment { variables[$0] }
        }
        #expect(count > 1)
        #expect(shards.map { $0?.number } == Array(1...count))
        #expect(shards.allSatisfy { $0?.count == count })
        let suites = String(decoding: try readFile("\(TestKernel.root)/docs/suites.md"), as: UTF8.self)
        for name in names { #expect(suites.contains("`\(name)`")) }
    }
}

/// A document of YAML, as far as these files need it. What isn't there is null.
private enum YAML: Decodable {
    case null, text(String), number(Int), array([YAML]), table([String: YAML])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([YAML].self) {
            self = .array(value)
        } else if let value = try? container.decode([String: YAML].self) {
            self = .table(value)
        } else {
            self = .null
        }
    }

    subscript(_ key: String) -> YAML { if case .table(let values) = self { values[key] ?? .null } else { .null } }
    var text: String? { if case .text(let value) = self { value } else { nil } }
    var number: Int? { if case .number(let value) = self { value } else { nil } }
    var array: [YAML] { if case .array(let values) = self { values } else { [] } }
}
