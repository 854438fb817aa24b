import Testing

@testable import Scripting

@Suite struct ShardTests {
    @Test func everyTestIsInOneShard() throws {
        for count in 1...5 {
            let shards = try (1...count).map { try Shard("\($0)/\(count)") }
            for place in 0..<23 { #expect(shards.filter { $0.contains(place) }.count == 1) }
            let sizes = shards.map { shard in (0..<23).filter { shard.contains($0) }.count }
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 9) <= 1)
        }
    }

    @Test(arguments: ["", "1", "0/2", "3/2", "-1/2", "1/0", "1/2/3", "a/b", "1/", "/2"])
    func nonsenseIsRefused(_ text: String) {
        #expect(throws: Shard.Malformed.self) { try Shard(text) }
    }

    @Test(
        arguments: [
            (["CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"], "2/3"),
            (["CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "3"], "1/3"),
            (["BUILDKITE_PARALLEL_JOB": "2", "BUILDKITE_PARALLEL_JOB_COUNT": "3"], "3/3"),
            (["SYSTEM_JOBPOSITIONINPHASE": "1", "SYSTEM_TOTALJOBSINPHASE": "1"], "1/1"),
            (["JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "4"], "2/4"),
            (["CI_NODE_TOTAL": "1"], nil), (["JOB_COMPLETION_INDEX": "1"], nil), ([:], nil),
            (["CI_NODE_INDEX": "", "CI_NODE_TOTAL": ""], nil),
        ] as [([String: String], String?)])
    func theEnvironmentNamesIt(_ variables: [String: String], _ expected: String?) throws {
        #expect(try Shard.fromEnvironment { variables[$0] } == expected.map { try Shard($0) })
    }

    @Test(arguments: [
        ["CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "3"], ["CI_NODE_INDEX": "x", "CI_NODE_TOTAL": "3"],
        ["CIRCLE_NODE_INDEX": "9223372036854775807", "CIRCLE_NODE_TOTAL": "3"],
    ])
    func aWrongEnvironmentIsNotPassedOver(_ variables: [String: String]) {
        #expect(throws: Shard.Malformed.self) { try Shard.fromEnvironment { variables[$0] } }
    }
}
