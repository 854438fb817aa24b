import TestSupport
import Testing

/// What a run costs, in counts: they are the same on a slow machine and on a fast one. Ratios of time are benchmarks,
/// bench/README.md.
///
/// Tests/Cost/cost.c counts, from outside and in the program as it is shipped: system calls by ptrace(2), allocations
/// by breakpoints in the processor's debug registers.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"), .serialized)
struct RunCostTests {
    /// A debug build allocates with each exit, and maps its libraries.
    static let isOptimised = !SwiftletProcess.path.contains("/debug/")
    static let notOptimised: Comment = "the host lacks an optimised build (SWIFTLET_BINARY)"

    /// What a thread did.
    private struct Account {
        var calls = 0
        var runs = 0
        var before = 0
        var allocations = 0
    }

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a test kernel under the counter, and takes its account apart: each thread's, and the most memory that was
    /// resident, in KiB. Without a console: how many writes its text takes is a matter of time.
    private func count(
        _ what: String, of kernel: String, memory: String = "64M", _ options: String...
    ) throws -> (threads: [String: Account], resident: Int) {
        let tool = "\(directory.path)/cost"
        let words = ["run", try TestKernel.built(kernel), "--memory", memory, "--console", "none"] + options
        let ended = try SwiftletProcess(
            [
                "-c", "cc -O1 -Wall -Wextra -Werror -o '\(tool)' \"$0\" && exec '\(tool)' \"$@\"",
                "\(TestKernel.root)/Tests/Cost/cost.c", what, SwiftletProcess.path,
            ] + words, program: "/bin/sh"
        ).wait()
        try #require(ended.status == 0, "\(ended.errors)")
        var threads: [String: Account] = [:]
        var figures: [Substring: Int] = [:]
        for line in ended.output.split(separator: "\n") {
            let halves = line.split(separator: ": ")
            let words = halves[halves.count - 1].split(separator: " ")
            let values = Dictionary(
                uniqueKeysWithValues: stride(from: 0, to: words.count - 1, by: 2).map {
                    (words[$0], Int(words[$0 + 1]) ?? -1)
                })
            guard halves.count == 2 else {
                figures.merge(values) { $1 }
                continue
            }
            threads[String(halves[0])] = Account(
                calls: values["calls"] ?? 0, runs: values["runs"] ?? 0, before: values["before"] ?? 0,
                allocations: values["allocations"] ?? 0)
        }
        try #require(figures["status"] == 0, "\(ended.output)")
        return (threads, try #require(figures["resident"]))
    }

    // MARK: The start

    /// Seen: 91 to 99 before the guest's first instruction, 137 to 149 in all.
    @Test func aRunMakesFewSystemCalls() throws {
        let threads = try count("calls", of: "hello.elf").threads
        let (main, vcpu) = (try #require(threads["swiftlet"]), try #require(threads["vcpu 0"]))
        #expect(main.before > 50, "counted from the first act of main")
        #expect(main.before <= 110)
        #expect(main.calls + vcpu.calls <= 165)
        #expect(main.runs == 0)
        #expect(vcpu.runs >= 43, "an exit each")
    }

    /// Seen: 35 for each.
    @Test func aVCPUCostsFewSystemCallsMore() throws {
        func calls(cpus: Int) throws -> Int {
            let threads = try count("calls", of: "smp.elf", "--cpus", "\(cpus)", "--append", "cpus=\(cpus)").threads
            #expect(threads.count == cpus + 1)
            return threads.values.map(\.calls).reduce(0, +)
        }
        #expect(try calls(cpus: 4) - calls(cpus: 1) <= 3 * 45)
    }

    /// Seen: 5.9 MiB, of which the guest has touched less than 1 MiB, and 21 MiB for a debug build.
    @Test(.enabled(if: isOptimised, notOptimised)) func aRunNeedsLittleMemoryOfItsOwn() throws {
        let small = try count("calls", of: "hello.elf").resident
        #expect(small > 1024)
        #expect(small <= 8 * 1024)
        let large = try count("calls", of: "hello.elf", memory: "4G").resident
        #expect(abs(large - small) <= 1024, "what the guest does not touch is not there: \(small) and \(large) KiB")
    }

    // MARK: The exit loop

    /// The vCPU's thread allocates while it starts (4 times, as seen) and never again. Of a debug build the same
    /// counter says 10,118 allocations for 10,000 writes to a port.
    @Test(.enabled(if: isOptimised, notOptimised), arguments: ["port", "mmio"]) func theExitLoopAllocatesNothing(
        _ mode: String
    ) throws {
        func allocations(exits: Int) throws -> Int {
            let threads = try count("allocations", of: "exits.elf", "--append", "mark=0 mode=\(mode) n=\(exits)")
                .threads
            return try #require(threads["vcpu 0"]).allocations
        }
        let (few, many) = (try allocations(exits: 10_000), try allocations(exits: 100_000))
        #expect(few > 0, "the counter counts")
        #expect(few == many)
    }

    /// Seen: 18 to 21, with 10,000 exits as with 100,000. An exit is KVM_RUN and nothing else.
    @Test func theExitLoopMakesNoSystemCall() throws {
        for exits in [10_000, 100_000] {
            let threads = try count("calls", of: "exits.elf", "--append", "mark=0 n=\(exits)").threads
            let vcpu = try #require(threads["vcpu 0"])
            #expect(vcpu.runs > exits)
            #expect(vcpu.runs < exits + 100)
            #expect(vcpu.calls <= 35, "\(exits) exits")
        }
    }

    // MARK: Exits

    /// How often a guest comes out is the guest's doing and KVM's: where one of these figures changes, something has
    /// moved between the kernel and the VMM. Interruptions, which a slow host has more of, are left out.
    @Test(arguments: [
        ("hello.elf", "", ["port_in": 4, "port_out": 39]),
        // Real mode, by a Linux setup header and as a flat binary.
        ("setup16.bin", "", ["port_in": 4, "port_out": 42]),
        ("hello16.bin", "", ["port_in": 20, "port_out": 21]),
        ("exits.elf", "mark=0 n=1000", ["port_in": 3, "port_out": 1032]),
        ("exits.elf", "mark=0 n=1000 mode=mmio", ["port_in": 3, "port_out": 32, "mmio_write": 1000]),
    ])
    func aBootHasItsExits(kernel: String, append: String, exits: [String: UInt64]) throws {
        let report = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", try TestKernel.built(kernel), "--memory", "64M", "--append", append, "--report", "json:\(report)")
        #expect(ended.status == 0, "\(ended.errors)")
        let written = try WrittenReport(try directory.contents("report.json"))
        #expect(written.exits.filter { $0.key != "interrupted" } == exits)
    }
}
